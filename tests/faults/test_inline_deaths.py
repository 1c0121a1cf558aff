"""Without workers: the web process that holds the connections dies with the answers it runs."""

import asyncio

from tests.faults.answers import SILENT, in_turn
from tests.faults.cluster import TAKEOVER_SECONDS, Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.service import Account
from tests.upstream import Upstream
from tests.upstream_script import whole
from tests.wire.lines import Model


async def test_viewers_of_a_dead_process_see_its_answers_end_elsewhere(
    pair: Cluster, account: Account, conversation: str, model: Model, upstream: Upstream
):
    prompt = model.begins("one ", "two ")
    async with (
        Page(account, pair.doors, conversation) as asker,
        Page(account, pair.doors, conversation, first=1) as other,
    ):
        response_id = await asker.asked(prompt)
        await other.reads(response_id, "two ")
        runner = pair.runner(await model.asked(prompt))
        assert runner is pair.webs[0]
        runner.kill()
        ended = await asker.end(response_id, TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        await judge(upstream, conversation, [asker, other])


async def test_another_web_process_begins_a_silent_answer_anew(
    pair: Cluster, account: Account, conversation: str, model: Model, upstream: Upstream
):
    prompt = model.answers(in_turn(SILENT, whole("Hello, ", "world")))
    async with Page(account, pair.doors, conversation) as page:
        response_id = await page.asked(prompt)
        pair.runner(await model.asked(prompt)).kill()
        assert (await page.end(response_id))["status"] == "completed"
        await judge(upstream, conversation, [page], most_asked=2)


async def test_a_prompt_that_waits_outlives_both_processes(
    pair: Cluster, account: Account, conversation: str, model: Model, upstream: Upstream
):
    first, second = model.begins("one "), model.says("two")
    async with Page(account, pair.doors, conversation) as page:
        response_id = await page.asked(first)
        await page.reads(response_id, "one ")
        waiting = await page.prompt(second)
        await page.answered(waiting)
        for web in pair.webs:
            web.kill()
        await asyncio.to_thread(pair.mend)
        ended = await page.end(response_id)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        assert (await page.end(await page.begun(waiting)))["status"] == "completed"
        await judge(upstream, conversation, [page])
