"""Redis dies, stands still or forgets everybody: the stream is coarser, and never wrong."""

import asyncio

from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Model

FROZEN_SECONDS = 5.0
CROWDED_SECONDS = 3.0


async def test_answers_are_shown_while_redis_is_dead(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "20 ")
        cluster.redis.kill()
        await page.completes(response_id)
        await page.completes(await page.asked(long_answer(50)))
        await judge(upstream, page.conversation_id, [page])


async def test_a_cancel_and_a_steer_arrive_while_redis_is_dead(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(model.begins("one "))
        await page.reads(response_id, "one ")
        cluster.redis.kill()
        steer = await page.steer(response_id, model.begins("two "))
        successor = await page.begun(steer)
        await page.reads(successor, "two ")
        await page.cancel(successor)
        assert (await page.end(successor))["status"] == "cancelled"
        await judge(upstream, page.conversation_id, [page])


async def test_redis_is_restarted_twice_in_one_answer(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        response_id = await page.asked(long_answer())
        for word in ("20 ", "100 "):
            await page.reads(response_id, word)
            cluster.redis.kill()
            await asyncio.to_thread(cluster.redis.start)
        await page.completes(response_id)
        await asyncio.to_thread(cluster.wait_until_it_answers)
        await page.completes(await page.asked(long_answer(50)))
        await judge(upstream, page.conversation_id, [page, other])


async def test_redis_stands_still_for_a_while(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        response_id = await page.asked(long_answer(200))
        await page.reads(response_id, "20 ")
        cluster.redis.freeze()
        await asyncio.sleep(FROZEN_SECONDS)
        cluster.redis.thaw()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page, other])


async def test_a_joiner_does_not_wait_for_a_redis_that_stands_still(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer(200))
        await page.reads(response_id, "20 ")
        cluster.redis.freeze()
        async with Page(account, cluster.doors, page.conversation_id, first=1) as other:
            await other.completes(response_id)
            cluster.redis.thaw()
            await judge(upstream, page.conversation_id, [page, other])


async def test_all_subscriptions_are_ended(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        response_id = await page.asked(long_answer())
        for word in ("20 ", "60 ", "120 "):
            await page.reads(response_id, word)
            cluster.redis.tell("CLIENT KILL", "TYPE", "pubsub")
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page, other])


async def test_redis_lets_nobody_in(cluster: Cluster, page: Page, model: Model, upstream: Upstream):
    async with page:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "20 ")
        with cluster.redis.crowded():
            await asyncio.sleep(CROWDED_SECONDS)
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


async def test_redis_comes_later_than_the_service(
    database, account: Account, conversation: str, model: Model, upstream: Upstream
):
    redis = RedisProcess()
    with Cluster(upstream, redis).running() as cluster:
        async with Page(account, cluster.doors, conversation) as page:
            await page.completes(await page.asked(long_answer(50)))
            await asyncio.to_thread(redis.start)
            try:
                await asyncio.to_thread(cluster.wait_until_it_answers)
                await page.completes(await page.asked(long_answer(50)))
                await judge(upstream, conversation, [page])
            finally:
                redis.kill()
