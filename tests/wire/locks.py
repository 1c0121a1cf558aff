"""Rows that a test holds, so that whoever wants them waits, or is turned away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg

from tests.service import database_url

SECONDS = 10
_WAITING = "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


class Holder:
    """A transaction that holds rows."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def hold(self, statement: str, *parameters: Any) -> None:
        """Lock the one row that the statement finds."""
        assert (await self._connection.execute(statement, parameters)).rowcount == 1

    async def waited_for(self) -> list[int]:
        """Wait until somebody waits for a row that is held. Returns who, as Postgres knows them."""
        async with asyncio.timeout(SECONDS):
            while True:
                asked = (self._connection.info.backend_pid,)
                rows = await (await self._connection.execute(_WAITING, asked)).fetchall()
                if rows:
                    return [row[0] for row in rows]
                await asyncio.sleep(0.01)  # Postgres has no way to tell that somebody waits.

    async def release(self) -> None:
        """Let go of everything."""
        await self._connection.rollback()

    async def turn_away(self) -> None:
        """Wait until somebody waits, and have Postgres give that statement up."""
        for pid in await self.waited_for():
            await self._connection.execute("SELECT pg_cancel_backend(%s)", (pid,))


@contextlib.asynccontextmanager
async def holding() -> AsyncIterator[Holder]:
    async with await psycopg.AsyncConnection.connect(database_url()) as connection:
        # Where two wait for each other, it is the other one that Postgres gives up.
        await connection.execute("SET deadlock_timeout = '60s'")
        yield Holder(connection)
