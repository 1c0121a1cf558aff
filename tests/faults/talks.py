"""Several conversations at once, on all web processes of a cluster."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.faults.answers import long_answer, new_conversation
from tests.faults.cluster import Cluster, gone
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.service import Account, Process
from tests.upstream import Upstream
from tests.wire.lines import kept

TALKS = 6


async def says_more(page: Page) -> None:
    """One more prompt, and its whole answer."""
    await page.completes(await page.asked(long_answer(40)))


async def complete(pages: list[Page], running: list[str]) -> None:
    """Wait for the good end of each page's response."""
    pairs = zip(pages, running, strict=True)
    await asyncio.gather(*(page.completes(response_id) for page, response_id in pairs))


async def all_say_more(pages: list[Page]) -> None:
    await asyncio.gather(*(says_more(page) for page in pages))


async def open_pages(house: AsyncExitStack, cluster: Cluster, account: Account) -> list[Page]:
    """Pages with a conversation each, on all web processes."""
    pages = []
    for number in range(TALKS):
        conversation_id = await kept(lambda: new_conversation(account))
        page = Page(account, cluster.doors, conversation_id, first=number)
        pages.append(await house.enter_async_context(page))
    return pages


@asynccontextmanager
async def stopped_under_load(
    cluster: Cluster, stopped: Process, account: Account, upstream: Upstream
) -> AsyncIterator[list[Page]]:
    """Pages that have asked, while one process is told to stop: all get their answers, what the
    body does, and more answers from whoever is left. The process ends well.
    """
    async with AsyncExitStack() as house:
        pages = await open_pages(house, cluster, account)
        running = [await page.asked(long_answer()) for page in pages]
        stopped.signal(signal.SIGTERM)
        await complete(pages, running)
        assert await gone(stopped) == 0
        yield pages
        await all_say_more(pages)
        await judge_all(upstream, pages)


async def judge_all(upstream: Upstream, pages: list[Page]) -> None:
    for page in pages:
        await judge(upstream, page.conversation_id, [page])


async def ended_well(process: Process) -> bool:
    """Wait until it has ended by itself."""
    return await gone(process) == 0
