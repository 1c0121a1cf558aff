"""How a connection ends by the service's will: a last word, what is ready, then a close code.

The codes are part of the wire: docs/protocol.md says what each means.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chat.protocol.errors import WireError
from chat.web.connection import Connection

logger = logging.getLogger(__name__)

GOING_AWAY = 1001
RESTARTING = 1012
TRY_AGAIN = 1013
SIGNED_OUT = 4401
SLOW_CONSUMER = 4408

CLOSE_SECONDS = 10.0


class Closing:
    """`begun`: nothing is taken from here on, and nothing more is said. `close` is the server's."""

    def __init__(self, connection: Connection, close: Callable[[int], Awaitable[None]]) -> None:
        self._connection = connection
        self._close = close
        self._task: asyncio.Task[None] | None = None
        self.begun = False

    def begin(self, code: int, reason: WireError | None = None) -> None:
        """Say the reason, if there is one, and close as soon as all that was said is out."""
        if self.begun:
            return
        logger.debug("A connection is closed with %d", code)
        self.begun = True
        if reason is not None:
            self._connection.refuse(reason)
        self._connection.outbox.seal()
        self._task = asyncio.create_task(self._close_in_time(code))

    def done(self) -> None:
        """The connection is gone."""
        self.begun = True
        if self._task is not None:
            self._task.cancel()

    async def _close_in_time(self, code: int) -> None:
        await self._connection.outbox.drain()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._close(code)
        except Exception as error:
            # A server may wait for a client that does not read, or find that it is gone.
            logger.debug("A connection was not closed: %r", error)
