"""Clients vanish without a word, and their connections seem open: the service lets them go."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from tests.faults import vitals
from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.proxy import Proxy
from tests.faults.redis_process import RedisProcess
from tests.faults.test_clients import door_of
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Line

SETTINGS = {"CHAT_PING_SECONDS": "1"}
ABNORMAL = 1006
SECONDS = 30
SEVERAL = 3


@pytest.fixture(scope="module")
def pinging(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """Web processes that ask silent clients often."""
    with Cluster(upstream, redis, SETTINGS).running(workers=0) as running:
        yield running


@pytest.mark.parametrize("number", [0, 1], ids=["daphne", "uvicorn"])
async def test_those_who_vanish_without_a_word_are_let_go_with_all_that_they_had(
    pinging: Cluster, account: Account, conversation: str, upstream: Upstream, number: int
):
    web, other = pinging.webs[number], pinging.webs[1 - number]
    with Proxy(("127.0.0.1", web.port)) as proxy:
        door = door_of(proxy)
        async with unasking(door, account) as asker, unasking(door, account) as idler:
            await idler.follow(conversation)
            await asker.follow(conversation)
            prompt = long_answer()
            response_id = await asker.prompt(prompt, conversation=conversation)
            await asker.until("response.output_text.delta")
            proxy.stall()
            async with Page(account, [other.ws_url], conversation) as page:
                await page.completes(response_id)
                await judge(upstream, conversation, [page])
            await vitals.at_rest(pinging)
            proxy.heal()
            assert [await each.closing() for each in (asker, idler)] == [ABNORMAL, ABNORMAL]


async def test_those_who_say_nothing_for_long_and_are_there_stay(
    pinging: Cluster, account: Account, conversation: str, upstream: Upstream
):
    first, second = pinging.doors
    async with unasking(first, account) as one, unasking(second, account) as other:
        for silent in (one, other):
            await silent.follow(conversation)
        await asyncio.gather(*(pinged(each.connection, SEVERAL) for each in (one, other)))
        for silent in (one, other):
            ended = await silent.answer(long_answer(3), conversation=conversation)
            assert ended["status"] == "completed"
    await judge(upstream, conversation)


class Pinged(ClientConnection):
    """Counts how often it was asked whether it is there."""

    pings = 0

    def process_event(self, event: Any) -> None:
        super().process_event(event)
        self.pings += isinstance(event, Frame) and event.opcode is Opcode.PING


async def pinged(connection: ClientConnection, times: int) -> None:
    assert isinstance(connection, Pinged)
    async with asyncio.timeout(SECONDS):
        while connection.pings < times:
            await asyncio.sleep(0.05)  # A connection tells nobody of its pings.


@asynccontextmanager
async def unasking(door: str, account: Account) -> AsyncIterator[Line]:
    """A line whose end here asks nothing by itself, and so notices nothing."""
    async with connect(
        door + "?interject=1",
        additional_headers={"Authorization": f"Bearer {account.key}"},
        create_connection=Pinged,
        ping_interval=None,
        close_timeout=0.1,
        max_queue=None,
    ) as connection:
        yield Line(connection)
