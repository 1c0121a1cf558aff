"""Runs one response, from its claim to its terminal event.

Owns what was gathered and not yet kept, and the numbers. The pulse keeps it; `finish` writes its
end. Both are handed in, as are provider and clock, so that a test can hand in others.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from chat.engine.answer import Answer, Clock, LoadRequest
from chat.engine.answering import Answering, Switch
from chat.engine.intents import Intent
from chat.engine.pulse import Pulse
from chat.protocol import batch as batches
from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.coalescer import Coalescer
from chat.protocol.events import Ending, ResponseInfo, response_object, terminal_event, usage_object
from chat.providers.base import Provider

logger = logging.getLogger(__name__)

# A beat for the preamble alone would have the first word wait for the one after it. Who is slower
# than this is seen to have begun.
PREAMBLE_SECONDS = 0.1

Finish = Callable[["Run", Ending], Awaitable[None]]


class Run:
    """One attempt at one response.

    `next_number` is the number of its first event that is not kept yet, `preamble` what it says
    before its answer, `coalescer` what an earlier attempt said of that, `answering` who
    answered it then. `steers` are the steering
    intents that the run took up; its end starts their successor. `latest` is what was kept last.
    """

    def __init__(
        self,
        *,
        info: ResponseInfo,
        attempt: int,
        provider: Provider,
        load_request: LoadRequest,
        pulse: Pulse,
        clock: Clock,
        next_number: int,
        finish: Finish,
        preamble: Sequence[dict[str, Any]] = (),
        coalescer: Coalescer | None = None,
        answering: Answering | None = None,
        on_switch: Callable[["Run", Switch], None] | None = None,
    ) -> None:
        assert info.conversation_id is not None
        self.info = info
        self.response_id = info.id
        self.conversation_id = info.conversation_id
        self.attempt = attempt
        self.answer = Answer(
            provider,
            clock,
            self._gathered,
            pulse.turn,
            coalescer,
            answering=answering,
            on_switch=partial(on_switch, self) if on_switch else None,
        )
        self.input_chars = 0
        self.steers: list[Intent] = []
        self.receipt: dict[str, Any] | None = None
        self.latest: Batch | None = None
        self.is_fenced = False
        self.is_ending = False
        self._load_request = load_request
        self._pulse = pulse
        self._finish = finish
        self._next_number = next_number
        self._preamble = list(preamble)
        self._frozen: Batch | None = None
        self._rest: list[dict[str, Any]] | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    async def main(self) -> None:
        self._pulse.add(self)
        if self._preamble:
            asyncio.get_running_loop().call_later(PREAMBLE_SECONDS, self._pulse.wake)
        try:
            await self.answer.read(self._load_request)
            ending = self.answer.conclude()
        finally:
            self.is_ending = True
            await self._settled.wait()  # What is being kept has its numbers.
            self._pulse.remove(self)
        if not self.is_fenced:
            await self._finish(self, ending)

    # --- control

    def cancel(self, receipt: dict[str, Any]) -> None:
        """Stop, for whoever the receipt names. A second cancel changes nothing."""
        if self.receipt is None and self.answer.stop(lifecycle.CANCELLED_REASON):
            self.receipt = receipt

    def steer(self, intent: Intent) -> None:
        """Stop, and let the successor take the input up."""
        if all(known.id != intent.id for known in self.steers):
            self.steers.append(intent)
        self.answer.stop(lifecycle.STEERED)

    def interrupt(self) -> None:
        """Stop, because the process does."""
        self.answer.stop(lifecycle.INTERRUPTED)

    # --- what the pulse calls

    def freeze(self) -> Batch | None:
        if self._frozen is None and self._may_freeze:
            events = self._take()
            self.answer.made_room()
            try:
                self._frozen = self._batch(events)
            except (TypeError, ValueError) as error:
                self.refused(error)  # What one run says must not hold up the others.
                return None
            self._settled.clear()
        return self._frozen

    def kept(self) -> None:
        if self._frozen is not None:
            self._next_number = self._frozen.last_number + 1
            self.latest, self._frozen = self._frozen, None
        self._settled.set()
        if self._may_freeze:
            self._pulse.wake()

    def fenced(self) -> None:
        logger.warning("%s is not ours any more: its run stops", self.response_id)
        self.is_fenced = True
        self._frozen = None
        self.answer.stop(lifecycle.INTERRUPTED)
        self._settled.set()

    def refused(self, error: Exception) -> None:
        logger.error("What %s said cannot be kept: %s", self.response_id, error)
        self._frozen = None
        self.answer.fail("server_error", "The answer could not be kept.")
        self._settled.set()

    # --- the end

    def last_batch(self, response: dict[str, Any]) -> Batch:
        """What is left to keep, and the terminal event. Asked again, it numbers the same."""
        if self._rest is None:
            self._rest = self._take()
        return self._batch([*self._rest, terminal_event(response)])

    def disown_output(self) -> None:
        """What was said cannot be kept: the end is, without it."""
        self._rest = []
        self.answer.coalescer.output.clear()

    def final_object(self, ending: Ending) -> dict[str, Any]:
        """The response as its terminal event shows it."""
        return response_object(
            self.info,
            output=self.answer.coalescer.output,
            usage=self.usage(),
            ending=ending,
            provider=self.answer.answering.provider,
            switches=self.answer.answering.switches,
            cache=self.answer.answering.cache,
        )

    def usage(self) -> dict[str, Any]:
        coalescer = self.answer.coalescer
        return usage_object(coalescer.usage, self.input_chars, coalescer.chars)

    @property
    def _may_freeze(self) -> bool:
        # What is left at the end goes with it: frozen just then, it would be numbered twice.
        return self._has_events and not self.is_ending and not self.is_fenced

    @property
    def _has_events(self) -> bool:
        return bool(self._preamble) or self.answer.coalescer.has_events

    def _take(self) -> list[dict[str, Any]]:
        preamble, self._preamble = self._preamble, []
        return [*preamble, *self.answer.coalescer.take()]

    def _batch(self, events: list[dict[str, Any]]) -> Batch:
        return batches.freeze(
            self.response_id, self.conversation_id, self.attempt, self._next_number, events
        )

    def _gathered(self) -> None:
        if self._frozen is not None:
            return
        if self.latest is None:
            self._pulse.begin(self)
        else:
            self._pulse.wake()
