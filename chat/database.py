"""The small async pool of Postgres connections for the hot statements.

Django's ORM gives all async callers of a process one thread and one connection: a slow query there
would stall every stream. What runs often goes through here instead, on the event loop.
"""

from typing import Any

from django.conf import settings
from django.db import connections
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]

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


def make_pool(max_size: int | None = None) -> Pool:
    """A pool on the default database, not open yet. Its connections commit each statement."""
    return AsyncConnectionPool(
        kwargs={**_connection_parameters(), "autocommit": True},
        min_size=2,
        max_size=max_size or settings.CHAT.pool_size,
        timeout=10,
        max_idle=300,
        name="interject",
        open=False,
        configure=_configure,
    )


def _connection_parameters() -> dict[str, Any]:
    parameters = dict(connections["default"].get_connection_params())
    for name in ("cursor_factory", "context", "prepare_threshold", "client_encoding"):
        parameters.pop(name, None)
    return {**SILENT_PEER, **parameters}


async def _configure(connection: AsyncConnection[tuple[Any, ...]]) -> None:
    # A statement that was seen twice is prepared: planning costs more than running most of them.
    connection.prepare_threshold = 1
    await connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
