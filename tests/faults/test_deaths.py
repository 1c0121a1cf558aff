"""A process that runs answers dies: what it kept is there, and somebody goes on from it."""

import signal

from tests.faults.answers import SILENT, in_turn
from tests.faults.cluster import TAKEOVER_SECONDS, Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.postgres import wanted
from tests.gate import Gate
from tests.service import Account
from tests.upstream import Upstream
from tests.upstream_script import Script, done, finish, say, usage, whole
from tests.wire.lines import Model, said
from tests.wire.locks import holding


async def test_a_model_that_said_nothing_before_its_process_died_is_asked_once_more(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = model.answers(in_turn(SILENT, whole("Hello, ", "world")))
    async with page:
        response_id = await page.asked(prompt)
        cluster.runner(await model.asked(prompt)).kill()
        assert (await page.end(response_id))["status"] == "completed"
        assert page.text(response_id) == "Hello, world"
        await judge(upstream, page.conversation_id, [page], most_asked=2)


async def test_an_answer_whose_process_dies_twice_is_not_begun_a_third_time(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = model.answers(SILENT)
    async with page:
        response_id = await page.asked(prompt)
        for number in range(2):
            cluster.runner(await model.asked(prompt, number)).kill()
        ended = await page.end(response_id)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        await judge(upstream, page.conversation_id, [page], most_asked=2)


async def test_what_a_dead_process_kept_ends_as_interrupted_and_can_be_continued(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    prompt = model.begins("one ", "two ")
    async with page, Page(account, cluster.doors, page.conversation_id, first=1) as other:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "two ")
        cluster.runner(await model.asked(prompt)).kill()
        ended = await page.end(response_id, TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        assert page.text(response_id) == "one two "
        go_on = model.says("three")
        assert (await page.end(await page.asked(go_on)))["status"] == "completed"
        asked = said(await model.asked(go_on))
        assert asked[-3:] == [("user", prompt), ("assistant", "one two "), ("user", go_on)]
        await judge(upstream, page.conversation_id, [page, other])


async def test_a_process_that_dies_before_it_kept_the_end_leaves_the_whole_text(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    gate = Gate()
    prompt = model.answers(Script([*say("one ", "two "), gate, finish(), usage(), done()]))
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "two ")
        runner = cluster.runner(await model.asked(prompt))
        cluster.links(runner).postgres.stall()
        gate.open()
        await (await model.asked(prompt)).answered()
        runner.kill()
        ended = await page.end(response_id, TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        (kept,) = await judge(upstream, page.conversation_id, [page])
        assert kept.text == "one two "


async def test_an_end_that_was_on_its_way_as_its_process_died_is_the_end(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    gate = Gate()
    prompt = model.says("one ", "two", gate=gate)
    async with page, holding() as holder:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "one ")
        await holder.hold(
            "SELECT FROM chat_conversation WHERE id = %s FOR UPDATE", page.conversation_id
        )
        gate.open()
        await holder.waited_for()
        cluster.runner(await model.asked(prompt)).kill()
        await holder.release()
        assert (await page.end(response_id))["status"] == "completed"
        await judge(upstream, page.conversation_id, [page])


async def test_a_cancel_outlives_the_process_that_it_was_meant_for(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt = model.begins("one ")
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "one ")
        runner = cluster.runner(await model.asked(prompt))
        runner.signal(signal.SIGSTOP)  # It hears of nothing any more.
        cancel = await page.cancel(response_id)
        await wanted(response_id, "cancel")
        runner.kill()
        ended = await page.end(response_id, TAKEOVER_SECONDS)
        assert ended["status"] == "cancelled"
        await page.answered(cancel)
        await judge(upstream, page.conversation_id, [page])


async def test_a_steer_outlives_the_process_that_it_was_meant_for(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    prompt, steer = model.begins("one "), model.says("instead")
    async with page:
        response_id = await page.asked(prompt)
        await page.reads(response_id, "one ")
        runner = cluster.runner(await model.asked(prompt))
        runner.signal(signal.SIGSTOP)
        event_id = await page.steer(response_id, steer)
        await wanted(response_id, "steer")
        runner.kill()
        ended = await page.end(response_id, TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "steered"}
        successor = await page.begun(event_id)
        assert (await page.end(successor))["status"] == "completed"
        assert page.text(successor) == "instead"
        await judge(upstream, page.conversation_id, [page])
