"""What a test asks of Postgres, and does to it, beside the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from project.private_postgres import PostgresServer, pgexec
from tests.service import database_url

Postgres = psycopg.AsyncConnection[Any]

SECONDS = 20
_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> ALL(%s::int[])
"""


async def asked(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement, on a connection of its own."""
    async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as postgres:
        cursor = await postgres.execute(statement, parameters)
        return await cursor.fetchall() if cursor.description else []


async def until(statement: str, *parameters: Any, seconds: float = SECONDS) -> None:
    """Wait until a question has an answer: Postgres tells nobody by itself."""
    async with asyncio.timeout(seconds):
        while not await asked(statement, *parameters):
            await asyncio.sleep(0.05)


async def wanted(response_id: str, kind: str) -> None:
    """Wait until a cancel or a steer of the response is kept."""
    await until("SELECT 1 FROM intent WHERE response_id = %s AND kind = %s", response_id, kind)


async def end_sessions() -> None:
    """End every session of the database but this one."""
    async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as postgres:
        await postgres.execute(_TERMINATE, ([postgres.info.backend_pid],))


@asynccontextmanager
async def crowded() -> AsyncIterator[None]:
    """Every place at the server is taken, and nobody else has one."""
    async with AsyncExitStack() as house:
        crowd: list[Postgres] = []
        await _fill(house, crowd)
        async with asyncio.timeout(SECONDS):
            while await _others(crowd):
                await _fill(house, crowd)
        yield


async def _others(crowd: list[Postgres]) -> int:
    """End the sessions of others. Returns how many there were."""
    pids = [each.info.backend_pid for each in crowd]
    return (await crowd[0].execute(_TERMINATE, (pids,))).rowcount


async def _fill(house: AsyncExitStack, crowd: list[Postgres]) -> None:
    """Take places until there are no more."""
    with suppress(psycopg.OperationalError):
        while True:
            each = await psycopg.AsyncConnection.connect(database_url(), autocommit=True)
            crowd.append(await house.enter_async_context(each))


def restart(how: str) -> None:
    """Restart the server: `fast` ends its sessions, `immediate` leaves it to recover."""
    with psycopg.connect(database_url()) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    server = PostgresServer(Path(row[0]), cleanup_mode=None)
    arguments = ("-w", "-D", row[0], "-m", how, "restart")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
