"""Looks for cancels and steers ten times a second, tokens or not, and tells the runs meant.

A notice on the bus makes it look at once; the table decides. While nothing runs here, nor did
lately, it looks once a second: for what others were to see to, and are gone.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from chat.database import UNREACHABLE, Pool
from chat.engine import intents
from chat.engine.intents import Intent
from chat.engine.run import Run
from chat.protocol import lifecycle

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
IDLE_SECONDS = 1.0
RETRY_SECONDS = 0.25
AGAIN_SECONDS = 1.0
REMEMBERED_SECONDS = intents.FORSAKEN_SECONDS + 5.0  # Then anybody sees to it.

TooLate = Callable[[str, list[Intent]], asyncio.Task[Any]]


class IntentWatch:
    """`too_late` begins to see to intents whose response has ended, one response at a time."""

    def __init__(self, pool: Pool, owner: str, runs: Mapping[str, Run], too_late: TooLate) -> None:
        self._pool = pool
        self._owner = owner
        self._runs = runs
        self._too_late = too_late
        self._ended: dict[str, float] = {}
        self._seen_to: dict[str, asyncio.Task[Any]] = {}
        self._look_now = asyncio.Event()

    def look_now(self) -> None:
        self._look_now.set()

    def remember(self, response_id: str) -> None:
        """A run ended here: what still comes for its response is ours to see to."""
        self._ended[response_id] = asyncio.get_running_loop().time()

    async def repeat(self) -> None:
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            lately = self._lately()
            if not self._runs and not lately and loop.time() < looked_at + IDLE_SECONDS:
                continue
            looked_at = loop.time()
            try:
                self._see_to_all(await intents.pending(self._pool, self._owner, lately))
            except UNREACHABLE as error:
                logger.warning("Postgres is away, intents wait: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("An intent could not be seen to")
                await asyncio.sleep(RETRY_SECONDS)

    def _lately(self) -> list[str]:
        """The responses that ended here not long ago."""
        long_ago = asyncio.get_running_loop().time() - REMEMBERED_SECONDS
        for response_id, ended_at in list(self._ended.items()):
            if ended_at > long_ago:
                break
            del self._ended[response_id]
        return list(self._ended)

    def _see_to_all(self, pending: list[Intent]) -> None:
        late: dict[str, list[Intent]] = {}
        for intent in pending:
            run = self._runs.get(intent.response_id)
            if run is None:
                if intent.status not in lifecycle.LIVE:
                    late.setdefault(intent.response_id, []).append(intent)
            elif intent.kind == intents.CANCEL:
                run.cancel(intent.payload)
            else:
                run.steer(intent)
        for response_id, group in late.items():
            if response_id not in self._seen_to:
                self._see_to_late(response_id, group)

    def _see_to_late(self, response_id: str, group: list[Intent]) -> None:
        """Beside the others: it may take a while, and a cancel must not wait for it."""
        task = self._too_late(response_id, group)
        self._seen_to[response_id] = task
        task.add_done_callback(lambda _: self._conclude(response_id, task))

    def _conclude(self, response_id: str, task: asyncio.Task[Any]) -> None:
        again_in = 0.0
        if not task.cancelled() and (error := task.exception()):
            logger.error("Intents of %s wait: %r", response_id, error)
            again_in = AGAIN_SECONDS
        asyncio.get_running_loop().call_later(again_in, self._seen_to.pop, response_id)
