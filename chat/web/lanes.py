"""What one connection asks for, done: each command in the lane of its kind, each failure answered.

There is a lane for prompts, which may wait long, one for reads, which may be large, and one for
control: a stop never waits behind either.
"""

import logging
from collections.abc import Awaitable, Callable

from chat.database import UNREACHABLE
from chat.protocol import requests
from chat.protocol.errors import RateLimited, Unauthorized, Unavailable, WireError
from chat.protocol.requests import Command
from chat.web.connection import Connection
from chat.web.intake import Work
from chat.web.lane import Lane

logger = logging.getLogger(__name__)

MAX_WAITING = 100
MAX_WAITING_BYTES = 32 * 1024 * 1024  # In each lane: what prompts hold must not keep out a stop.
FINISH_SECONDS = 5.0  # Within this a server expects a connection that closed to be done with.
ANSWER_SECONDS = 5.0

_READS = (requests.Follow, requests.Unfollow)


class Lanes:
    """`perform` does one command, and raises what is to be answered. `signed_out`: it ended."""

    def __init__(
        self,
        connection: Connection,
        perform: Callable[[Work], Awaitable[None]],
        signed_out: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._perform = perform
        self._signed_out = signed_out
        self._prompts, self._reads, self._control = (
            Lane(self._do, max_waiting=MAX_WAITING, max_bytes=MAX_WAITING_BYTES) for _ in range(3)
        )

    def put(self, work: Work) -> None:
        """Have it done. Raises `RateLimited` when too much waits already."""
        if not self._lane_of(work.command).put(work, work.size):
            raise RateLimited(
                "rate_limit_exceeded", "Too many frames wait already. Try again in 1s."
            )

    async def finish(self) -> None:
        """The connection is gone: do the control messages that came before, and nothing else.

        A tab that stops its response and closes at once has stopped it.
        """
        await self._prompts.stop()
        await self._reads.stop()
        await self._control.finish(FINISH_SECONDS)

    async def answer_prompts(self) -> None:
        """Nothing more starts: have each prompt that waits told so."""
        await self._prompts.finish(ANSWER_SECONDS)

    def _lane_of(self, command: Command) -> Lane[Work]:
        if isinstance(command, requests.Create):
            return self._prompts
        return self._reads if isinstance(command, _READS) else self._control

    async def _do(self, work: Work) -> None:
        """Do one command. Every failure is answered; none ends the connection."""
        try:
            await self._perform(work)
        except Unauthorized as error:
            self._connection.refuse_command(error, work.command)
            self._signed_out()
        except WireError as error:
            self._connection.refuse_command(error, work.command)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a frame is refused: %s", error)
            away = Unavailable("unavailable", "The service is not ready. Try again in 1s.")
            self._connection.refuse_command(away, work.command)
        except Exception:
            logger.exception("A frame could not be done")
            failed = Unavailable("server_error", "The service failed. Try again.")
            self._connection.refuse_command(failed, work.command)
