"""Control messages of one connection: stop, steer, rate, withdraw. None waits for a stream."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from chat import finding, queries, services
from chat.engine.notices import QueueChanged, SteerFailed, SteerHeld, Switched, Titled
from chat.protocol import lifecycle
from chat.protocol.requests import Cancel, Dequeue, Feedback, Steer, Typing
from chat.services import Accepted, Asker, Dequeued, Repeated
from chat.web import frames
from chat.web.connection import Connection
from chat.web.followings import Followings, shown_prompt
from chat.web.unstored import Unstored

Outcome = TypeVar("Outcome", SteerHeld, SteerFailed)


def steering(conversation_id: str) -> str:
    """Why a connection attends to a conversation: it steered there."""
    return f"steering {conversation_id}"


def _receipt(response_id: str) -> str:
    """Why a connection attends to a conversation: it waits for a receipt."""
    return f"receipt of {response_id}"


class Control:
    """`_receipts`: responses whose end somebody here waits for, with the ids of the cancels.

    `_outcomes`: what became of steers while one was still on its way to be accepted.
    """

    def __init__(self, connection: Connection, followings: Followings, unstored: Unstored) -> None:
        self._connection = connection
        self._followings = followings
        self._unstored = unstored
        self._receipts: dict[str, list[str | None]] = {}
        self._positions: dict[str, int] = {}
        self._steers_asked = 0
        self._outcomes: list[Callable[[], None]] = []

    # --- cancel

    async def cancel(self, command: Cancel, asker: Asker) -> None:
        self._unstored.must_be_new(asker)
        await services.remember(self._connection.engine, asker)
        response_id = command.response_id
        if response_id is None:
            assert command.target_event_id is not None
            response_id = await self._response_of(command.target_event_id, asker)
            if response_id is None:
                return
        if self._unstored.cancel(response_id, command.event_id):
            return
        seen = self._connection.outbox.last_sent(response_id)
        target = await services.request_cancel(
            self._connection.engine, asker, response_id, seen if seen >= 0 else None
        )
        await self._await_end(target, [command.event_id])

    async def _await_end(self, target: finding.Target, event_ids: list[str | None]) -> None:
        """Have the receipts given, to the cancels with these ids, when news of the end comes.

        That is behind the response's last event; asked for at once, they were sometimes before it.
        Of what had ended already, the news may have come before anybody waited for it.
        """
        assert target.response_id is not None and target.conversation_id is not None
        self._followings.attend(target.conversation_id, _receipt(target.response_id))
        self._receipts.setdefault(target.response_id, []).extend(event_ids)
        if target.status not in lifecycle.LIVE:
            await self.ended(target.response_id)

    async def _response_of(self, event_id: str, asker: Asker) -> str | None:
        """The response of a prompt; one that still waits is withdrawn instead."""
        engine = self._connection.engine
        user_id = asker.identity.user_id
        response_id = self._unstored.response_of(event_id)
        response_id = response_id or await queries.response_of_event(engine.pool, user_id, event_id)
        if response_id is None:
            dequeued = await services.dequeue(engine, asker, event_id)
            self._say_dequeued(dequeued, event_id, asker.event_id)
        return response_id

    async def ended(self, response_id: str) -> None:
        """Give their receipts to those who cancelled."""
        if response_id not in self._receipts:
            return
        connection = self._connection
        found = await queries.receipt(
            connection.engine.pool, connection.identity.user_id, response_id
        )
        if found is None:  # It was deleted, and its followers are told so.
            self._taken(response_id)
            return
        stored, kept, text_chars = found
        if stored.ending is None:
            return  # Its end is still to be heard of.
        if stored.ending.reason == lifecycle.STEERED and await self._moved_on(response_id):
            return
        seen = connection.outbox.last_sent(response_id)
        receipt = frames.receipt(stored, kept, text_chars, seen)
        # Taken only now: whoever asked while the question was on its way is answered too.
        for event_id in self._taken(response_id):
            connection.say_ours(
                "cancelled",
                stored.last_number or 0,
                event_id=event_id,
                response_id=response_id,
                receipt=receipt,
            )

    async def _moved_on(self, response_id: str) -> bool:
        """A steer came first: the cancel means what the steer made, if it made anything."""
        target = await finding.target(
            self._connection.engine.pool, self._connection.identity, response_id
        )
        if target.response_id is None or target.response_id == response_id:
            return False
        await self._await_end(target, self._taken(response_id))
        return True

    def _taken(self, response_id: str) -> list[str | None]:
        """The cancels whose receipts nobody gives but the caller."""
        self._followings.release(_receipt(response_id))
        return self._receipts.pop(response_id, [])

    def waits_for(self, response_id: str) -> bool:
        return response_id in self._receipts

    # --- steer

    async def steer(self, command: Steer, asker: Asker) -> None:
        """Accept it, and only then say what became of it, which may be known before."""
        self._steers_asked += 1
        try:
            await self._accept(command, asker)
        finally:
            self._steers_asked -= 1
            if not self._steers_asked:
                outcomes, self._outcomes = self._outcomes, []
                for say in outcomes:
                    say()

    async def _accept(self, command: Steer, asker: Asker) -> None:
        accepted = self._unstored.steer(command, asker)
        if accepted is None:
            accepted = await self._steer_stored(command, asker)
        connection = self._connection
        connection.outbox.say(
            frames.steer_accepted(
                accepted.steer_id,
                accepted.response_id,
                max(connection.outbox.last_sent(accepted.response_id), 0),
                connection.names.of(accepted.response_id, command.previous_response_id),
                command.event_id,
            )
        )

    async def _steer_stored(self, command: Steer, asker: Asker) -> Accepted:
        done = await services.request_steer(self._connection.engine, asker, command)
        if isinstance(done, Repeated):
            return Accepted(*done.answer["steer"])
        # Until the successor comes: its beginning may be heard of by the second's look only.
        self._followings.attend(done.conversation_id, steering(done.conversation_id))
        return done

    def steer_held(self, notice: SteerHeld) -> None:
        self._came_out(partial(self._say_of_steer, notice, frames.steer_pending))

    def steer_failed(self, notice: SteerFailed) -> None:
        self._came_out(partial(self._say_of_steer, notice, frames.steer_given_back))

    def _came_out(self, say: Callable[[], None]) -> None:
        if self._steers_asked:
            self._outcomes.append(say)
        else:
            say()

    def _say_of_steer(
        self, notice: Outcome, frame: Callable[[Outcome, int, str | None], str]
    ) -> None:
        connection = self._connection
        self._followings.release(steering(notice.conversation_id))
        number = max(connection.outbox.last_sent(notice.response_id), 0)
        connection.outbox.say(frame(notice, number, connection.names.of(notice.response_id)))

    # --- the others

    def told(self, notice: Switched | Titled, *, follows: bool) -> None:
        """A new title; or another provider, of a response that is shown here."""
        connection = self._connection
        match notice:
            case Titled(conversation_id, title) if follows:
                connection.say_ours("title", conversation=conversation_id, title=title)
            case Switched(_, response_id, switch):
                if follows or response_id in connection.outbox.streams:
                    number = connection.outbox.last_sent(response_id)
                    connection.say_ours(
                        "provider_switched", number, response_id=response_id, **switch
                    )

    async def feedback(self, command: Feedback, asker: Asker) -> None:
        connection = self._connection
        kept = await services.give_feedback(connection.engine, asker, command)
        number = connection.outbox.last_sent(kept["response_id"])
        connection.say_ours("feedback", number, event_id=command.event_id, **kept)

    async def dequeue(self, command: Dequeue, asker: Asker) -> None:
        engine = self._connection.engine
        await services.remember(engine, asker)
        dequeued = await services.dequeue(engine, asker, command.target_event_id)
        self._say_dequeued(dequeued, command.target_event_id, command.event_id)

    def _say_dequeued(self, dequeued: Dequeued, target_event_id: str, event_id: str | None) -> None:
        self._connection.say_ours(
            "dequeued",
            event_id=event_id,
            conversation=dequeued.conversation_id,
            target_event_id=target_event_id,
            reason="withdrawn",
            input=dequeued.input,
        )

    async def typing(self, command: Typing, asker: Asker) -> None:
        await services.tell_typing(self._connection.engine, asker, command.conversation)

    def queue_changed(self, notice: QueueChanged, *, follows: bool) -> None:
        """Say who left, and whose place is new. Whoever does not follow hears of its own only."""
        connection = self._connection
        if notice.left is not None and (follows or notice.left in self._positions):
            self._positions.pop(notice.left, None)
            connection.say_ours(
                "dequeued",
                conversation=notice.conversation_id,
                target_event_id=notice.left,
                reason=notice.reason,
                response_id=notice.response_id,
            )
        for waiting in notice.queued:
            shown = shown_prompt(waiting, connection.identity.user_id)
            if not (follows or shown["mine"]):
                continue
            if self._positions.get(shown["event_id"]) == shown["position"]:
                continue
            self._positions[shown["event_id"]] = shown["position"]
            connection.say_ours(
                "queued",
                conversation=notice.conversation_id,
                target_event_id=shown["event_id"],
                position=shown["position"],
                input=shown["input"],
                mine=shown["mine"],
            )
