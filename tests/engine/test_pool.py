"""Whoever is cancelled takes no connection of the pool along, and nobody gets a dead one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.db import connection

from chat.database import Pool, make_pool


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    opened = make_pool(2)
    await opened.open(wait=True)
    yield opened
    await opened.close()


async def ask(pool: Pool, gate: asyncio.Event | None = None) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")
        if gate is not None:
            await gate.wait()


async def until_all_are_back(pool: Pool) -> None:
    async with asyncio.timeout(5):
        while pool.get_stats()["pool_available"] < pool.get_stats()["pool_size"]:
            await asyncio.sleep(0.01)


async def test_a_connection_on_its_way_back_is_not_lost(pool: Pool):
    gate = asyncio.Event()
    using = [asyncio.create_task(ask(pool, gate)) for _ in range(2)]
    while pool.get_stats()["pool_available"]:
        await asyncio.sleep(0.01)
    async with pool._lock:  # Somebody else takes one, or gives one back.
        gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        for task in using:
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*using, return_exceptions=True)
    await until_all_are_back(pool)


async def test_whoever_waits_and_is_cancelled_gets_none(pool: Pool):
    gate = asyncio.Event()
    using = [asyncio.create_task(ask(pool, gate)) for _ in range(2)]
    while pool.get_stats()["pool_available"]:
        await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(ask(pool)) for _ in range(20)]
    while not pool.get_stats().get("requests_waiting"):
        await asyncio.sleep(0)
    gate.set()
    for task in waiting:
        await asyncio.sleep(0)
        task.cancel()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(end, asyncio.CancelledError) for end in ends)
    await asyncio.gather(*using)
    await until_all_are_back(pool)
    await asyncio.gather(*(ask(pool) for _ in range(20)))


async def test_whoever_asks_after_a_restart_of_postgres_gets_an_answer_at_once(pool: Pool):
    async with pool.connection() as mine, pool.connection() as other:
        dead = [each.info.backend_pid for each in (mine, other)]
    await asyncio.to_thread(end, dead)
    await asyncio.gather(*(ask(pool) for _ in range(10)))


def end(backends: list[int]) -> None:
    """As a restart of Postgres does; return when they are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [backends])
        assert all(done for (done,) in cursor.fetchall())
    connection.close()
