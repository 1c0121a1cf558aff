"""Clients that do not read, vanish, come back at every moment, or say everything twice."""

import asyncio
import signal
from uuid import uuid4

import pytest

from tests.faults import vitals
from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge, requests_for
from tests.faults.page import Page
from tests.faults.proxy import ANSWERS, Proxy
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.deaf import deaf
from tests.wire.lines import Model, line

FAST = "say 3000 tokens at 1500/s"


async def test_one_who_reads_nothing_holds_up_nobody(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    async with page:
        with deaf(cluster.webs[0], account) as reader:
            reader.send("interject:follow", conversation=page.conversation_id)
            await page.completes(await page.asked(f"{uuid4().hex}: {FAST}"))
        await judge(upstream, page.conversation_id, [page])


async def test_one_who_reads_very_slowly_holds_up_nobody_and_gets_everything(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    with Proxy(("127.0.0.1", cluster.webs[0].port)) as proxy:
        async with page, Page(account, [door_of(proxy)], page.conversation_id) as slow:
            proxy.set(bytes_per_second=1, direction=ANSWERS)
            await page.completes(await page.asked(f"{uuid4().hex}: {FAST}"))
            proxy.heal()
            await judge(upstream, page.conversation_id, [page, slow])


@pytest.mark.parametrize("how", ["drop", "swallow"])
async def test_one_who_vanishes_comes_back_to_the_whole_answer(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream, how: str
):
    with Proxy(("127.0.0.1", cluster.webs[0].port)) as proxy:
        doors = [door_of(proxy), cluster.doors[1]]
        async with Page(account, doors, page.conversation_id) as vanishing:
            response_id = await vanishing.asked(long_answer())
            await vanishing.reads(response_id, "40 ")
            getattr(proxy, how)()
            await vanishing.completes(response_id)
            assert vanishing.connections > 1
            await judge(upstream, page.conversation_id, [vanishing])


@pytest.mark.parametrize("server", [0, 1], ids=["daphne", "uvicorn"])
async def test_one_who_breaks_off_with_a_last_word_is_let_go(
    cluster: Cluster, account: Account, conversation: str, server: int
):
    """The word and the end come as one to a process that was busy: either may hide the other."""
    web = cluster.webs[server]
    for _ in range(5):
        with deaf(web, account) as client:
            web.signal(signal.SIGSTOP)
            client.send("interject:follow", conversation=conversation)
            client.reset()
            web.signal(signal.SIGCONT)
    await vitals.tasks_at_rest(cluster, web)


async def test_one_who_comes_back_after_each_number_gets_the_rest(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(f"{uuid4().hex}: say 30 tokens at 100/s")
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])
    last = page.numbers[response_id]
    for number in range(last):
        async with line(cluster.webs[number % 2], account) as back:
            cursor = {"response_id": response_id, "sequence_number": number}
            await back.follow(page.conversation_id, after=[cursor])
            await back.end(response_id)
            assert back.numbers(response_id) == list(range(number + 1, last + 1))


async def test_one_whose_connection_breaks_at_each_event_misses_none(
    cluster: Cluster, page: Page, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer(100))
        while response_id not in page.endings:
            seen = page.numbers[response_id]
            await page.until(lambda seen=seen: page.numbers[response_id] > seen, "one more event")
            await page.drop()
        assert page.connections > 5
        await judge(upstream, page.conversation_id, [page])


async def test_two_tabs_prompt_at_the_same_moment_and_one_waits(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        asked = await asyncio.gather(page.prompt(long_answer(20)), other.prompt(long_answer(20)))
        for tab, event_id in zip((page, other), asked, strict=True):
            await tab.completes(await tab.begun(event_id))
        first, second = await judge(upstream, page.conversation_id, [page, other])
        assert page.parents[second.id] == first.id


async def test_one_prompt_that_reaches_two_processes_is_answered_once(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        for _ in range(10):
            prompt, event_id = long_answer(3), uuid4().hex
            tabs = (page, other)
            await asyncio.gather(*(tab.prompt(prompt, event_id=event_id) for tab in tabs))
            begun = {await tab.begun(event_id) for tab in tabs}
            assert len(begun) == 1
            await page.completes(*begun)
            assert len(requests_for(upstream, prompt)) == 1
        await judge(upstream, page.conversation_id, [page, other])


def door_of(proxy: Proxy) -> str:
    return f"ws://127.0.0.1:{proxy.port}/v1/responses"
