"""The small async pool of Postgres connections for the hot statements.

Django's ORM gives all async callers of a process one thread and one connection: a slow query there
would stall every stream. What runs often goes through here instead, on the event loop.
"""

import asyncio
import select
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[tuple[Any, ...]]
# What a statement raises when Postgres is away, or did not answer in time.
UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, OSError)
Done = TypeVar("Done")

# A peer that vanished without a word is noticed within ten seconds, not after the system's hours.
# The timeout acts on what was sent and not acknowledged; one that took our statement and then
# vanished leaves nothing of that, and only keepalives ask after it.
SILENT_PEER = {
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 5,  # s
    "keepalives_interval": 2,  # s
    "keepalives_count": 3,
}
STATEMENT_TIMEOUT_MS = 30_000
# The pool waits twice as long before each try to connect. Left alone, it would stay away from a
# Postgres that is back for as long again as that was gone; given up and begun anew, for a second.
RECONNECT_SECONDS = 2.0


class Pool(AsyncConnectionPool[Connection]):
    """A pool from which no cancellation takes a connection away.

    Connections that close end what waits for them, at any moment. The pool loses a connection when
    whoever takes it, or gives it back, is cancelled while another one holds the pool's lock: under
    load it was empty after a thousand of those. So both are done to their end, whoever waits. Nor
    does it give anybody a connection that the server has closed.
    """

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109
        taking = self._keep(self._open_one(timeout))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._give_back)
            raise

    async def _open_one(self, seconds: float | None) -> Connection:
        """After a restart of Postgres all that wait here are closed. The pool's own check would
        pause behind each.
        """
        while True:
            connection = await super().getconn(seconds)
            if _is_open(connection):
                return connection
            await super().putconn(connection)

    async def putconn(self, conn: Connection) -> None:
        await asyncio.shield(self._keep(super().putconn(conn)))

    def _give_back(self, taking: "asyncio.Future[Connection]") -> None:
        """Nobody waits for it any more."""
        if not taking.cancelled() and taking.exception() is None:
            self._keep(super().putconn(taking.result()))

    def _keep(self, work: Coroutine[Any, Any, Done]) -> "asyncio.Task[Done]":
        """The loop itself holds tasks only weakly."""
        task = asyncio.ensure_future(work)
        _returning.add(task)
        task.add_done_callback(_returning.discard)
        return task


_returning: set["asyncio.Task[Any]"] = set()


def make_pool(max_size: int | None = None) -> Pool:
    """A pool on the default database, not open yet. Its connections commit each statement."""
    return Pool(
        kwargs={**_connection_parameters(), "autocommit": True},
        min_size=2,
        max_size=max_size or settings.CHAT.pool_size,
        timeout=10,
        max_idle=300,
        reconnect_timeout=RECONNECT_SECONDS,
        reconnect_failed=_try_again,
        name="interject",
        open=False,
        configure=_configure,
    )


def _is_open(connection: Connection) -> bool:
    """Whether the server has not closed it. Looks at the socket only, and costs microseconds."""
    looking = select.poll()
    try:
        looking.register(connection.pgconn.socket, select.POLLIN)
        while looking.poll(0):  # Nothing was asked: it is a word of farewell, then the end.
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return True


async def _try_again(pool: AsyncConnectionPool[Connection]) -> None:
    await pool.check()  # Which has it grow again.


def _connection_parameters() -> dict[str, Any]:
    parameters = dict(connections["default"].get_connection_params())
    for name in ("cursor_factory", "context", "prepare_threshold", "client_encoding"):
        parameters.pop(name, None)
    return {**SILENT_PEER, **parameters}


async def _configure(connection: Connection) -> None:
    # A statement that was seen twice is prepared: planning costs more than running most of them.
    connection.prepare_threshold = 1
    await connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
