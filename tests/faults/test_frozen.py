"""A process is stopped for a while, or its loop is blocked: it goes on as if nothing had been."""

import asyncio
import signal

from tests.faults import postgres
from tests.faults.answers import long_answer
from tests.faults.cluster import LEASE_SECONDS, TAKEOVER_SECONDS, Cluster
from tests.faults.inside import BLOCK_SECONDS
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.service import Account
from tests.upstream import Upstream
from tests.upstream_script import HANG, Every, Script, chunk, tokens
from tests.wire.lines import Model

SHORT_SECONDS = LEASE_SECONDS / 2  # No lease lapses, whenever it was renewed.


async def test_an_owner_that_wakes_up_after_its_lease_finds_itself_fenced(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    words = Every(50, [chunk(each) for each in tokens(2_000)])
    prompt = model.answers(Script([words, HANG]))
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        seen = await model.asked(prompt)
        runner = cluster.runner(seen)
        runner.signal(signal.SIGSTOP)
        ended = await page.end(response_id, TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        assert seen.is_open
        runner.signal(signal.SIGCONT)
        await seen.closed()
        go_on = model.says("more")
        assert (await page.end(await page.asked(go_on)))["status"] == "completed"
        await judge(upstream, page.conversation_id, [page])
        assert runner.is_running


async def test_nobody_takes_over_from_a_process_that_was_stopped_for_a_moment(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = long_answer(200)
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        runner = cluster.runner(await model.asked(prompt))
        runner.signal(signal.SIGSTOP)
        await asyncio.sleep(SHORT_SECONDS)
        runner.signal(signal.SIGCONT)
        assert (await page.end(response_id))["status"] == "completed"
        await judge(upstream, page.conversation_id, [page])


async def test_nobody_is_lost_with_a_web_process_that_stands_still(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = long_answer(200)
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        cluster.webs[0].signal(signal.SIGSTOP)
        assert (await page.end(response_id))["status"] == "completed"
        assert page.connections == 2
        cluster.webs[0].signal(signal.SIGCONT)
        await judge(upstream, page.conversation_id, [page])


async def test_nobody_takes_over_from_a_worker_whose_loop_is_blocked(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = long_answer(200)
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        await lasts(response_id)
        await cluster.block(cluster.runner(await model.asked(prompt)))
        assert response_id not in page.endings
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


async def test_nobody_is_lost_with_web_processes_whose_loops_are_blocked(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        response_id = await page.asked(long_answer(200))
        await other.reads(response_id, "20 ")
        await asyncio.gather(*(cluster.block(web) for web in cluster.webs))
        assert not {response_id} & {*page.endings, *other.endings}
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page, other])
        assert page.connections == other.connections == 1


async def lasts(response_id: str) -> None:
    """Have its lease outlast a block, as one of the usual length does: here they are too short."""
    await postgres.asked(
        "UPDATE lease SET until = until + make_interval(secs => %s) WHERE response_id = %s",
        2 * BLOCK_SECONDS,
        response_id,
    )
