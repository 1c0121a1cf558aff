"""A process is told to stop under load: what runs ends well, and who followed goes on elsewhere."""

import signal
from contextlib import AsyncExitStack

from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.talks import (
    all_say_more,
    complete,
    ended_well,
    judge_all,
    open_pages,
)
from tests.service import Account
from tests.upstream import Upstream

MOVED = {1001, 1012}


async def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(
    cluster: Cluster, account: Account, upstream: Upstream
):
    async with AsyncExitStack() as house:
        pages = await open_pages(house, cluster, account)
        running = [await page.asked(long_answer()) for page in pages]
        cluster.workers[0].signal(signal.SIGTERM)
        await complete(pages, running)
        await all_say_more(pages)
        await judge_all(upstream, pages)
        assert await ended_well(cluster.workers[0])


async def test_followers_of_a_web_process_that_is_told_to_stop_go_on_elsewhere(
    cluster: Cluster, account: Account, upstream: Upstream
):
    async with AsyncExitStack() as house:
        pages = await open_pages(house, cluster, account)
        running = [await page.asked(long_answer()) for page in pages]
        cluster.webs[0].signal(signal.SIGTERM)
        await complete(pages, running)
        assert await ended_well(cluster.webs[0])
        assert {code for page in pages for code in page.close_codes} <= MOVED
        await all_say_more(pages)
        await judge_all(upstream, pages)
