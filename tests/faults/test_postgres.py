"""Postgres goes away, is locked, is full, or takes a statement and does not answer."""

import asyncio

import pytest

from tests.faults import postgres
from tests.faults.answers import long_answer, new_conversation
from tests.faults.cluster import LEASE_SECONDS, Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.gate import Gate
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Model, kept
from tests.wire.locks import holding

RECOVERY_SECONDS = 8.0  # However long it was away.
LOCKED_SECONDS = 8.0  # Statements wait five for a lock, and are tried again.


async def test_ended_sessions_are_made_anew(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer())
        for word in ("20 ", "60 ", "120 "):
            await page.reads(response_id, word)
            await postgres.end_sessions()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize(("how", "seconds"), [("stall", 10.0), ("refuse", 20.0)])
async def test_nobody_is_interrupted_by_an_outage_that_is_longer_than_a_lease(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream, how: str, seconds: float
):
    async with page:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "20 ")
        for links in cluster.all_links:
            getattr(links.postgres, how)()
        await asyncio.sleep(seconds)
        assert response_id not in page.endings
        for links in cluster.all_links:
            links.postgres.heal()
        await page.completes(response_id, RECOVERY_SECONDS)
        await judge(upstream, page.conversation_id, [page])


async def test_a_worker_that_alone_loses_postgres_gives_up_what_others_take(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        prompt = long_answer(2_000)
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        seen = await model.asked(prompt)
        cluster.links(cluster.runner(seen)).postgres.refuse()
        ended = await page.end(response_id)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        await seen.closed(30)
        await judge(upstream, page.conversation_id, [page])


async def test_an_answer_is_kept_once_though_postgres_was_not_heard(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        prompt = long_answer()
        response_id = await page.asked(prompt)
        await page.reads(response_id, "20 ")
        link = cluster.links(cluster.runner(await model.asked(prompt))).postgres
        for word in (b" 60 ", b" 120 ", b"response.completed"):
            await link.lose_answer_to(word).passed()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


async def test_a_prompt_whose_start_was_not_heard_is_answered_once(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        prompt = model.says("Hello")
        lost = cluster.links(cluster.webs[0]).postgres.lose_answer_to(b"response.created")
        response_id = await page.asked(prompt)
        assert lost.is_open
        await page.completes(response_id)
        (response,) = await judge(upstream, page.conversation_id, [page])
        assert response.asked == prompt


async def test_a_locked_lease_holds_up_no_other_answer(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream
):
    gate = Gate()
    cluster.workers[1].kill()  # One process, and one statement, keeps what both are said.
    async with page, holding() as holder:
        locked = await page.asked(model.says("one ", "two ", "three", gate=gate))
        await page.reads(locked, "two ")
        await holder.hold("SELECT FROM lease WHERE response_id = %s FOR UPDATE", locked)
        gate.open()
        async with Page(
            account, cluster.doors, await kept(lambda: new_conversation(account))
        ) as other:
            goes_on = await other.asked(model.begins("at once "))
            await other.reads(goes_on, "at once ")  # In mid-answer: an end is written by itself.
            await other.cancel(goes_on)
            await other.end(goes_on)
        await asyncio.sleep(LEASE_SECONDS / 2)  # In which no lease lapses.
        assert locked not in page.endings
        await holder.release()
        await page.completes(locked)
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize("table", ["chat_response", "chat_conversation"])
async def test_an_end_that_is_locked_out_for_longer_than_a_lease_is_written_by_its_owner(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream, table: str
):
    gate = Gate()
    async with page, holding() as holder:
        response_id = await page.asked(model.says("one ", "two", gate=gate))
        await page.reads(response_id, "one ")
        where = {"chat_response": response_id, "chat_conversation": page.conversation_id}[table]
        await holder.hold(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", where)
        gate.open()
        await holder.waited_for()
        await asyncio.sleep(LOCKED_SECONDS)
        await holder.release()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])
