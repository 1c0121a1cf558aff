"""Without workers: a web process is told to stop while it runs answers, or just before."""

import asyncio
import signal

from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.talks import ended_well, stopped_under_load
from tests.service import Account
from tests.upstream import Upstream


async def test_a_web_process_that_is_told_to_stop_finishes_what_it_runs_itself(
    pair: Cluster, account: Account, upstream: Upstream
):
    async with stopped_under_load(pair, pair.webs[0], account, upstream) as pages:
        assert any(page.close_codes for page in pages)


async def test_a_prompt_that_meets_the_signal_is_answered_here_or_by_the_next(
    pair: Cluster, account: Account, conversation: str, upstream: Upstream
):
    for web in pair.webs:
        await asyncio.to_thread(pair.mend)
        async with Page(account, [web.ws_url, *pair.doors], conversation) as page:
            event_id = await page.prompt(long_answer(50))
            web.signal(signal.SIGTERM)
            await page.completes(await page.begun(event_id))
            assert await ended_well(web)
            await judge(upstream, conversation, [page])
