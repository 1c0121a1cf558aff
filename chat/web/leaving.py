"""What ends with its connection, because its prompt asked for that: `on_disconnect: "cancel"`.

The connection is gone by then, and its login may be: the service does it, and tries again while
Postgres is away.
"""

import asyncio
import logging
from collections import deque
from typing import Any

from chat import services
from chat.database import UNREACHABLE
from chat.services import Begun, Queued, Repeated
from chat.web.connection import Connection

logger = logging.getLogger(__name__)

REMEMBERED = 1_000
RETRY_SECONDS = 1.0
GIVE_UP_SECONDS = 600.0

# The loop itself holds tasks only weakly, and these belong to nobody any more.
_leaving: set[asyncio.Task[None]] = set()


class Leaving:
    """`_event_ids` name prompts that had to wait: the responses that they become are meant.

    Both are kept beyond the ends of their responses, for a steer's successor ends with them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._response_ids: deque[str] = deque(maxlen=REMEMBERED)
        self._event_ids: deque[str] = deque(maxlen=REMEMBERED)

    def note(self, done: Begun | Queued | Repeated) -> None:
        """What was asked for here ends with the connection."""
        match done:
            case Begun(response_id=response_id):
                self._response_ids.append(response_id)
            case Queued(event_id=event_id):
                self._event_ids.append(event_id)

    def leave(self, starting: asyncio.Task[Any] | None) -> None:
        """The connection is gone. `starting`: what it was asking for as it went."""
        if self._is_empty and (starting is None or starting.done()):
            return
        task = asyncio.create_task(self._leave(starting))
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)

    @property
    def _is_empty(self) -> bool:
        return not self._response_ids and not self._event_ids

    async def _leave(self, starting: asyncio.Task[Any] | None) -> None:
        if starting is not None:
            await asyncio.wait({starting})
        if self._is_empty:
            return
        engine, identity = self._connection.engine, self._connection.identity
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                while not engine.pool.closed:
                    try:
                        await services.end_with_connection(
                            engine, identity, list(self._response_ids), list(self._event_ids)
                        )
                        return
                    except UNREACHABLE as error:
                        logger.warning("Postgres is away, a cancel waits: %s", error)
                        await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            logger.error("Responses were not cancelled with their connection")
