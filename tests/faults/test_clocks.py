"""The clocks of two workers are two minutes apart: only that of Postgres counts."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.answers import long_answer
from tests.faults.cluster import TAKEOVER_SECONDS, Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.service import Account, Worker
from tests.upstream import Upstream
from tests.wire.lines import Model

WRONG_SECONDS = 60.0


@pytest.fixture(scope="module")
def clocks(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """A web process, a worker that is a minute ahead and one that is a minute behind."""
    made = Cluster(upstream, redis, {"CHAT_DISPATCH": "worker"})
    for seconds in (WRONG_SECONDS, -WRONG_SECONDS):
        made.add_worker({"CLOCK_AHEAD_SECONDS": str(seconds)})
    with made.running(webs=["uvicorn"], workers=0):
        yield made


@pytest.fixture
def page(clocks: Cluster, account: Account, conversation: str) -> Page:
    clocks.mend()
    return Page(account, clocks.doors, conversation)


def others_of(cluster: Cluster, worker: Worker) -> list[Worker]:
    return [each for each in cluster.workers if each is not worker]


@pytest.mark.parametrize("number", [0, 1], ids=["ahead", "behind"])
async def test_leases_hold_and_lapse_whatever_the_clock_of_a_process_says(
    clocks: Cluster, page: Page, model: Model, upstream: Upstream, number: int
):
    worker = clocks.workers[number]
    for other in others_of(clocks, worker):
        other.kill()
    async with page:
        response_id = await page.asked(long_answer())
        ended = await page.end(response_id)
        assert ended["status"] == "completed"
        assert abs(ended["completed_at"] - time.time()) > WRONG_SECONDS / 2  # It is wrong indeed.
        clocks.mend()
        for other in others_of(clocks, worker):
            other.kill()
        dying = await page.asked(model.begins("one "))
        await page.reads(dying, "one ")
        clocks.mend()
        worker.kill()
        ended = await page.end(dying, 2 * TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        await judge(upstream, page.conversation_id, [page])


async def test_the_end_of_an_answer_is_found_without_redis_though_it_is_dated_long_ago(
    clocks: Cluster, page: Page, model: Model, upstream: Upstream
):
    clocks.workers[0].kill()
    async with page:
        response_id = await page.asked(long_answer(50))
        await page.reads(response_id, "10 ")
        clocks.redis.kill()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])
