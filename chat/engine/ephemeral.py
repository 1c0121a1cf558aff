"""Responses that are not stored: they live in memory, in the process that took them.

No log, no lease, no following: events go straight to the one connection, and a viewer that does not
keep up stops the reading of upstream.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chat.engine.answer import Answer, Clock, LoadRequest
from chat.engine.answering import Switch
from chat.protocol import batch as batches
from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.events import (
    Ending,
    ResponseInfo,
    response_object,
    terminal_event,
    usage_object,
)
from chat.protocol.items import Item
from chat.providers.base import Provider

logger = logging.getLogger(__name__)


class EphemeralRun:
    """One response of a connection. `show` delivers a batch, and returns when there is room."""

    def __init__(
        self,
        *,
        info: ResponseInfo,
        provider: Provider,
        load_request: LoadRequest,
        clock: Clock,
        interval: float,
        show: Callable[[Batch], Awaitable[None]],
        on_switch: Callable[[Switch], None] | None = None,
    ) -> None:
        self.info = info
        self.response_id = info.id
        self.answer = Answer(provider, clock, self._gathered, on_switch=on_switch)
        self.input_chars = 0
        self.steers: list[dict[str, Any]] = []
        self.receipt: dict[str, Any] | None = None
        self.cancels: list[str | None] = []
        self._load_request = load_request
        self._interval = interval
        self._show = show
        self._next_number = 0
        self._wake = asyncio.Event()
        self._saying = asyncio.Lock()

    async def main(self, opening: list[dict[str, Any]]) -> tuple[Ending, list[Item]]:
        """Show the opening events, the answer and its end. Returns how it ended, and its items."""
        await self._say(opening)
        showing = asyncio.create_task(self._show_all())
        showing.add_done_callback(self._shown)
        try:
            await self.answer.read(self._load_request)
            ending = self.answer.conclude()
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        coalescer = self.answer.coalescer
        usage = usage_object(coalescer.usage, self.input_chars, coalescer.chars)
        response = response_object(
            self.info,
            output=coalescer.output,
            usage=usage,
            ending=ending,
            provider=self.answer.answering.provider,
            switches=self.answer.answering.switches,
        )
        await self._say([*coalescer.take(), terminal_event(response)])
        return ending, coalescer.output

    def usage(self) -> dict[str, Any]:
        coalescer = self.answer.coalescer
        return usage_object(coalescer.usage, self.input_chars, coalescer.chars)

    def cancel(self, receipt: dict[str, Any]) -> None:
        if self.receipt is None and self.answer.stop(lifecycle.CANCELLED_REASON):
            self.receipt = receipt

    def steer(self, steer: dict[str, Any]) -> bool:
        """Take the input up. False: the answer ended before."""
        if self.answer.stop_reason not in (None, lifecycle.STEERED):
            return False
        if not self.answer.stop(lifecycle.STEERED) and self.answer.stop_reason is None:
            return False
        self.steers.append(steer)
        return True

    def interrupt(self) -> None:
        self.answer.stop(lifecycle.INTERRUPTED)

    def _gathered(self) -> None:
        self._wake.set()

    def _shown(self, showing: asyncio.Task[None]) -> None:
        """Nothing is shown any more. If that is because it broke, nobody makes room either."""
        if not showing.cancelled() and (error := showing.exception()):
            logger.error("What %s says cannot be shown: %s", self.response_id, error)
            self.answer.fail("server_error", "The answer could not be shown.")

    async def _show_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            events = self.answer.coalescer.take()
            self.answer.made_room()
            if events:
                # Once numbered it must be shown, even when the answer ends meanwhile.
                await asyncio.shield(self._say(events))
            await asyncio.sleep(max(0.0, began + self._interval - loop.time()))

    async def _say(self, events: list[dict[str, Any]]) -> None:
        async with self._saying:
            batch = batches.freeze(self.response_id, "", 1, self._next_number, events)
            self._next_number = batch.last_number + 1
            await self._show(batch)
