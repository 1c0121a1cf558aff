"""A thousand pages lose their connections at once, and all come back at once."""

import asyncio
from contextlib import AsyncExitStack

from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.proxy import Proxy
from tests.service import Account
from tests.upstream import Upstream

PAGES = 1_000
AT_ONCE = 100
SECONDS = 120


async def test_a_thousand_pages_come_back_at_once(
    cluster: Cluster, account: Account, conversation: str, upstream: Upstream
):
    async with AsyncExitStack() as house:
        proxies = [house.enter_context(Proxy(("127.0.0.1", web.port))) for web in cluster.webs]
        doors = [f"ws://127.0.0.1:{proxy.port}/v1/responses" for proxy in proxies]
        pages = [Page(account, doors, conversation, first=number) for number in range(PAGES)]
        for begin in range(0, PAGES, AT_ONCE):
            some = pages[begin : begin + AT_ONCE]
            await asyncio.gather(*(house.enter_async_context(page) for page in some))
        response_id = await pages[0].asked(long_answer(100))
        await pages[0].reads(response_id, "40 ")
        for proxy in proxies:
            proxy.drop()
        await asyncio.gather(*(page.completes(response_id, SECONDS) for page in pages))
        assert all(page.connections > 1 for page in pages)
        await judge(upstream, conversation, pages)
