"""A switch of providers is kept, then shown, while the response runs.

The end of the response keeps all of them once more: what cannot be kept now is not shown now, but
in the event that ends it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from psycopg.types.json import Jsonb

from chat.database import UNREACHABLE, Pool
from chat.engine.answering import Switch
from chat.engine.bus import Bus
from chat.engine.notices import Switched
from chat.engine.run import Run

logger = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

# Of two that follow each other closely, the first may come last.
_KEEP = """
UPDATE chat_response AS response SET provider = %(provider)s, switches = %(switches)s
  FROM lease
 WHERE response.id = %(id)s AND jsonb_array_length(response.switches) < %(count)s
   AND lease.response_id = response.id AND lease.owner = %(owner)s AND lease.attempt = %(attempt)s
"""


class Switching:
    """`spawn` has work done that a drain waits for."""

    def __init__(self, pool: Pool, owner: str, bus: Bus, spawn: Spawn) -> None:
        self._pool = pool
        self._owner = owner
        self._bus = bus
        self._spawn = spawn

    def happened(self, run: Run, switch: Switch) -> None:
        answering = run.answer.answering
        kept = {
            "id": run.response_id,
            "owner": self._owner,
            "attempt": run.attempt,
            "provider": answering.provider,
            "switches": Jsonb(list(answering.switches)),
            "count": len(answering.switches),
        }
        self._spawn(self._keep(kept, Switched(run.conversation_id, run.response_id, switch)))

    async def _keep(self, kept: dict[str, Any], notice: Switched) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(_KEEP, kept)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a switch is shown at the end: %s", error)
        else:
            self._bus.tell(notice)
