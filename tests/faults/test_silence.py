"""Upstream is silent for a minute in mid-answer: the limit alone says what becomes of it."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults import postgres, vitals
from tests.faults.answers import new_conversation
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.gate import Gate
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Model, kept

SILENT_SECONDS = 60.0
PATIENT, HASTY = {"CHAT_SILENCE_SECONDS": "90"}, {"CHAT_SILENCE_SECONDS": "20"}


@pytest.fixture(scope="module")
def tempers(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """A web process that waits for longer than upstream is silent, and one that does not."""
    cluster = Cluster(upstream, redis)
    cluster.add_web("uvicorn", PATIENT)
    cluster.add_web("daphne", HASTY)
    with cluster.running(webs=(), workers=0):
        yield cluster


async def test_a_minute_of_silence_is_waited_out_or_ends_the_answer_as_the_limit_says(
    tempers: Cluster, account: Account, model: Model, upstream: Upstream
):
    conversations = [await kept(lambda: new_conversation(account)) for _ in range(2)]
    here, there = tempers.doors
    async with (
        Page(account, [here], conversations[0]) as patient,
        Page(account, [there], conversations[0]) as onlooker,
        Page(account, [there], conversations[1]) as hasty,
    ):
        gate = Gate()
        waited_out = await patient.asked(model.says("one ", "two ", "three", gate=gate))
        given_up = await hasty.asked(model.begins("one ", "two "))
        await asyncio.gather(
            patient.reads(waited_out, "two "),
            onlooker.reads(waited_out, "two "),
            hasty.reads(given_up, "two "),
        )
        await asyncio.sleep(SILENT_SECONDS)
        ended = hasty.endings[given_up]
        assert ended["status"] == "incomplete"
        assert ended["incomplete_details"] == {"reason": "upstream_failed"}
        assert ended["error"]["code"] == "upstream_timeout"
        assert await attempts(waited_out) == [1]
        gate.open()
        await patient.completes(waited_out)
        await judge(upstream, conversations[0], [patient, onlooker])
        await judge(upstream, conversations[1], [hasty])
    await vitals.at_rest(tempers)


async def attempts(response_id: str) -> list[int]:
    """The lease's attempt, while the response runs: each owner after the first counts one up."""
    return [
        attempt
        for (attempt,) in await postgres.asked(
            "SELECT attempt FROM lease WHERE response_id = %s AND reruns = 0", response_id
        )
    ]
