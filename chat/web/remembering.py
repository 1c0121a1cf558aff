"""What a connection remembers of responses that are not stored: nobody else does.

Contexts to go on from, steers that wait for tool outputs, and of each frame that bore an id what
came of it. All of it is bounded.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings

from chat.engine.notices import SteerFailed, SteerHeld
from chat.protocol import lifecycle
from chat.protocol.items import Item
from chat.protocol.memory import Answers, Memory
from chat.services import Asker
from chat.web import frames
from chat.web.connection import Connection

MAX_ANSWERS = 1_000
MAX_ENDS_BYTES = 1024 * 1024

_HELD = "steers of "
_TERMINAL = tuple(f'{{"type":"{kind}",' for kind in lifecycle.TERMINAL_EVENTS.values())

Steers = list[dict[str, Any]]


class Answered(NamedTuple):
    """What a frame began, or what it steered."""

    response_id: str
    steer_id: str | None = None


class Remembering:
    """`_memory`: contexts by response, and beside them the steers that wait at one.

    `_ends`: the last events of responses, for prompts that come again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory: Memory[list[dict[str, Any]]] = Memory(
            settings.CHAT.store_false_bytes, self._forgotten
        )
        self._ends: Memory[str] = Memory(MAX_ENDS_BYTES)
        self._answers: Answers[Answered] = Answers(MAX_ANSWERS)

    # --- contexts

    def context(self, response_id: str) -> list[Item] | None:
        """Everything that was said up to the end of the response."""
        return self._memory.get(response_id)

    def keep(self, response_id: str, context: list[Item]) -> None:
        self._memory.put(response_id, context)

    def evict(self, response_id: str) -> None:
        self._memory.evict(response_id)

    # --- frames that were done

    def done(self, asker: Asker, answered: Answered) -> None:
        self._answers.put(asker.event_id, asker.event_hash, answered)

    def done_before(self, asker: Asker) -> Answered | None:
        """Raises `BadRequest` if the frame's id was that of another one."""
        return self._answers.find(asker.event_id, asker.event_hash)

    def response_of(self, event_id: str) -> str | None:
        """The response that a prompt became, by the prompt's `event_id`."""
        answered = self._answers.of(event_id)
        return answered.response_id if answered and answered.steer_id is None else None

    def shown(self, response_id: str, frame: str) -> None:
        """The latest event of a response."""
        if frame.startswith(_TERMINAL):
            self._ends.put(response_id, frame)

    def last_event(self, response_id: str) -> str | None:
        """The event that ended it, if it is remembered still."""
        return self._ends.get(response_id)

    # --- steers that made no successor

    def hold(self, response_id: str, steers: Steers, calls: Sequence[Item]) -> None:
        """They go before the tool outputs that the client owes."""
        required = [
            {"type": "function_call_output", "call_id": call["call_id"], "name": call["name"]}
            for call in calls
        ]
        outbox, name = self._connection.outbox, self._connection.names.of(response_id)
        for steer in steers:
            held = SteerHeld("", response_id, "", steer["steer_id"], required)
            number = max(outbox.last_sent(response_id), 0)
            outbox.say(frames.steer_pending(held, number, name))
        self._memory.put(_HELD + response_id, steers)

    def held_items(self, response_id: str) -> list[Item]:
        return items_of(self._memory.get(_HELD + response_id) or [])

    def take_held_items(self, response_id: str) -> list[Item]:
        """Steers are used once."""
        return items_of(self._memory.take(_HELD + response_id) or [])

    def give_back(self, response_id: str, steers: Steers) -> None:
        outbox, name = self._connection.outbox, self._connection.names.of(response_id)
        for steer in steers:
            failed = SteerFailed(
                "",
                response_id,
                "",
                steer["steer_id"],
                steer["given"],
                "response_not_active",
                "The response ended before the input could be used. Send it as a prompt.",
            )
            number = max(outbox.last_sent(response_id), 0)
            outbox.say(frames.steer_given_back(failed, number, name))

    def _forgotten(self, name: str, thing: list[dict[str, Any]]) -> None:
        """What is forgotten cannot be continued: steers that wait for that come back."""
        response_id = name.removeprefix(_HELD)
        if response_id == name:
            self._memory.evict(_HELD + response_id)
        else:
            self.give_back(response_id, thing)


def items_of(steers: Steers) -> list[Item]:
    return [item for steer in steers for item in steer["items"]]
