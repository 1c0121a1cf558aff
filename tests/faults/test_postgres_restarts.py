"""Postgres itself is restarted, lets nobody in, or has no room left."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults import postgres
from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.service import Account, database_url
from tests.upstream import Upstream
from tests.wire.lines import Model

FULL_SECONDS = 5.0
_FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: no space left' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON log EXECUTE FUNCTION no_room();
"""
_ROOM = "DROP TRIGGER no_room ON log; DROP FUNCTION no_room()"


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_answers_outlive_a_restart_of_postgres(
    cluster: Cluster, page: Page, account: Account, model: Model, upstream: Upstream, how: str
):
    other = Page(account, cluster.doors, page.conversation_id, first=1)
    async with page, other:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "40 ")
        await asyncio.to_thread(postgres.restart, how)
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page, other])


async def test_answers_wait_while_postgres_lets_nobody_in(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "40 ")
        async with postgres.crowded():
            await asyncio.sleep(FULL_SECONDS)
            assert response_id not in page.endings
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


async def test_answers_wait_while_the_disk_is_full(
    cluster: Cluster, page: Page, model: Model, upstream: Upstream
):
    async with page:
        response_id = await page.asked(long_answer())
        await page.reads(response_id, "40 ")
        with full_disk():
            await asyncio.sleep(FULL_SECONDS)
            assert response_id not in page.endings
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


@contextmanager
def full_disk() -> Iterator[None]:
    """The log takes nothing more."""
    with psycopg.connect(database_url(), autocommit=True) as connection:
        connection.execute(_FULL)
        try:
            yield
        finally:
            connection.execute(_ROOM)
