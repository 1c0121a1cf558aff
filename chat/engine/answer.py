"""One answer being read from upstream: its deltas gathered, its connection closed when told to.

Owns the reader task and the coalescer. Knows nothing of numbers, logs or leases: `Run` keeps what
is gathered here, `EphemeralRun` shows it without keeping.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chat.engine.answering import Answering, Switch
from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import ProviderChosen
from chat.protocol.ending import ending
from chat.protocol.events import CACHE_HIT, Ending
from chat.providers.base import ModelRequest, Provider, ProviderError

logger = logging.getLogger(__name__)

# What may be gathered while nothing can be kept. Then reading stops, and TCP holds the provider.
MAX_PENDING_CHARS = 256 * 1024

LoadRequest = Callable[[], Awaitable[ModelRequest]]
Clock = Callable[[], float]


class Answer:
    """`clock` gives seconds of the epoch. `on_gathered` is called when there is something new.

    `turn` is awaited before more is read, while the model has not finished. `coalescer`: what was
    said before, `answering` who answered then. `on_switch` hears of it when another one takes over.
    """

    def __init__(
        self,
        provider: Provider,
        clock: Clock,
        on_gathered: Callable[[], None],
        turn: Callable[[], Awaitable[None]] | None = None,
        coalescer: Coalescer | None = None,
        *,
        answering: Answering | None = None,
        on_switch: Callable[[Switch], None] | None = None,
    ) -> None:
        self.coalescer = coalescer or Coalescer()
        self.answering = answering or Answering(provider.name)
        self.stop_reason: str | None = None
        self.error: dict[str, Any] | None = None
        self.first_delta_at: float | None = None
        self.upstream_opened = False
        self.upstream_closed_at: float | None = None
        self._provider = provider
        self._clock = clock
        self._on_gathered = on_gathered
        self._on_switch = on_switch
        self._turn = turn
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, load_request: LoadRequest) -> None:
        """Read to the end, to a failure, or until stopped. Upstream is closed when this returns."""
        if self.stop_reason is None and self.error is None:
            self._task = asyncio.create_task(self._read(load_request))
            try:
                await asyncio.wait({self._task})
            finally:
                self._task.cancel()
        self._closed = True
        self.upstream_closed_at = self._clock()

    def stop(self, reason: str) -> bool:
        """Close upstream now. False: the answer had ended by itself, or was stopped before."""
        if self._closed or self.stop_reason is not None or self.error is not None:
            return False
        if self._task is not None and self._task.done():
            return False
        self.stop_reason = reason
        self._cancel()
        return True

    def fail(self, code: str, message: str) -> None:
        """Something of ours failed: close upstream, and end with this error."""
        if self.error is None:
            self.error = {"code": code, "message": message}
        self._cancel()

    def made_room(self) -> None:
        """What was gathered was taken out."""
        self._room.set()

    def conclude(self) -> Ending:
        """Close what is open, and say how it ended."""
        how = ending(
            stop=self.stop_reason,
            error=self.error,
            finish=self.coalescer.finish,
            said=self.coalescer.said,
            now=self._clock(),
        )
        self.coalescer.close("completed" if how.status == "completed" else "incomplete")
        return how

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _read(self, load_request: LoadRequest) -> None:
        try:
            request = await load_request()
            self.upstream_opened = True
            async with self._provider.stream(request) as batches:
                async for deltas in batches:
                    if isinstance(deltas[0], ProviderChosen):
                        self._chosen(deltas[0])
                        continue
                    self.coalescer.feed(deltas)
                    if self.first_delta_at is None and self.coalescer.said:
                        self.first_delta_at = self._clock()
                    self._on_gathered()
                    while self.coalescer.pending_chars > MAX_PENDING_CHARS:
                        self._room.clear()
                        await self._room.wait()
                    if self._turn is not None and self.coalescer.finish is None:
                        await self._turn()
        except ProviderError as error:
            self.error = {"code": error.code, "message": error.message}
        except Exception:
            logger.exception("A response failed")
            self.error = {
                "code": "server_error",
                "message": "The service failed while answering. Try again.",
            }

    def _chosen(self, chosen: ProviderChosen) -> None:
        self.upstream_opened = chosen.cache != CACHE_HIT
        switch = self.answering.take(chosen, self._clock())
        if switch is not None and self._on_switch is not None:
            self._on_switch(switch)
