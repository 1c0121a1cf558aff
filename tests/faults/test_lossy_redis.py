"""Redis delivers not everything, or twice, or in another order: nobody sees any of that."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.resp import Mischief
from tests.faults.talks import open_pages
from tests.service import Account
from tests.upstream import Upstream

ODDS = {"lost": 0.15, "doubled": 0.15, "overtaken": 0.15}


async def test_viewers_elsewhere_see_one_text_whatever_becomes_of_what_is_published(
    cluster: Cluster, account: Account, upstream: Upstream
):
    done = misbehave(cluster)
    async with AsyncExitStack() as house:
        pages = await open_pages(house, cluster, account)
        running = [await page.asked(long_answer()) for page in pages]
        onlookers = [
            await house.enter_async_context(
                Page(account, cluster.doors, page.conversation_id, first=number + 1)
            )
            for number, page in enumerate(pages)
        ]
        for onlooker, response_id in zip(onlookers, running, strict=True):
            await onlooker.reads(response_id, "40 ")
        await onlookers[0].cancel(running[0])
        steered = await onlookers[1].steer(running[1], long_answer(50))
        waiting = await onlookers[2].prompt(long_answer(50))
        for page, onlooker, response_id in zip(pages, onlookers, running, strict=True):
            await asyncio.gather(page.end(response_id), onlooker.end(response_id))
        assert pages[0].endings[running[0]]["status"] == "cancelled"
        assert pages[1].endings[running[1]]["incomplete_details"] == {"reason": "steered"}
        await pages[1].completes(await onlookers[1].begun(steered))
        await pages[2].completes(await onlookers[2].begun(waiting))
        for page, onlooker in zip(pages, onlookers, strict=True):
            await judge(upstream, page.conversation_id, [page, onlooker])
        assert done().keys() == ODDS.keys(), "not everything happened"


def misbehave(cluster: Cluster) -> Callable[[], Counter[str]]:
    """Have what is published to each process suffer. Returns how to ask how often it did."""
    all_of_it = []
    for seed, links in enumerate(cluster.all_links):
        links.redis.mischief = Mischief(seed, **ODDS)
        all_of_it.append(links.redis.mischief)
    return lambda: sum((Counter(each.done) for each in all_of_it), Counter())
