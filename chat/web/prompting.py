"""The prompts of one connection: one response at a time, further ones in order.

A prompt for a conversation that is busy becomes a row of its queue at once, so that a closed tab
loses none; everything else waits here for the connection's own response to end.
"""

import asyncio

import msgspec

from chat import queries, services
from chat.engine import log
from chat.engine.notices import QueueChanged, Started
from chat.protocol import ids
from chat.protocol.creation import Creation
from chat.protocol.errors import BadRequest, NotFound, Unavailable, WireError
from chat.protocol.requests import Create
from chat.services import Asker, Begun, Queued, Remembered, Repeated
from chat.web import frames
from chat.web.connection import Connection
from chat.web.control import steering
from chat.web.followings import Followings, shown_prompt
from chat.web.leaving import Leaving
from chat.web.stream import Stream
from chat.web.unstored import Unstored

Done = Begun | Queued | Repeated
_UNSTORED = "what is not stored"


class Prompting:
    """`_live`: the connection's own responses that have not ended, with their conversations.

    `_waiting`: prompts that will be the connection's own, by `event_id`, with their conversations.
    `_over`: why nothing starts any more.
    """

    def __init__(self, connection: Connection, followings: Followings, unstored: Unstored) -> None:
        self._connection = connection
        self._followings = followings
        self._unstored = unstored
        self._leaving = Leaving(connection)
        self._live: dict[str, str | None] = {}
        self._waiting: dict[str, str] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._starting: asyncio.Task[Done] | None = None
        self._over: WireError | None = None

    async def create(self, command: Create, event_hash: str | None, stream_id: str | None) -> None:
        creation = command.creation
        if self._takes_turns(creation):
            await self._idle.wait()
        if self._over is not None:
            raise self._over
        asker = self._connection.asker(command.event_id, event_hash)
        if creation.store:
            await self._begin(asker, creation, stream_id)
            return
        self._busy_with(_UNSTORED)
        try:
            await self._unstored.run(creation, asker, stream_id)
        finally:
            self.ended(_UNSTORED)

    def _takes_turns(self, creation: Creation) -> bool:
        """Whether the prompt waits for the connection's own response, as the standard has it.

        One for the conversation that runs becomes a row of its queue instead; and a client that
        knows our extensions may branch off an ended response while another one is written.
        """
        parent = creation.previous_response_id
        if self._connection.extended and creation.store and parent and parent not in self._live:
            return False
        return creation.conversation is None or creation.conversation not in self._live.values()

    async def _begin(self, asker: Asker, creation: Creation, stream_id: str | None) -> None:
        response_id = ids.response_id()
        audience = self._connection.engine.audience
        self._followings.start_own(response_id, None, stream_id)
        audience.expect(response_id, self._followings.viewer)
        self._connection.names.give(asker.event_id, stream_id)
        self._busy_with(response_id)
        done: Done | None = None
        try:
            done = await self._start(asker, creation, response_id)
        finally:
            audience.expected(response_id)
            if not isinstance(done, Begun):
                self._connection.outbox.close(response_id)
                self.ended(response_id)
        match done:
            case Begun():
                self._own(done.response_id, done.conversation_id, stream_id)
            case Queued():
                self._wait(done.event_id, done.conversation_id)
                self._connection.names.give(done.event_id, stream_id)
                await services.announce_queued(self._connection.engine, done)
            case Repeated(answer=answer):
                assert asker.event_id is not None
                await self._answer_again(asker.event_id, answer, stream_id)

    async def _start(self, asker: Asker, creation: Creation, response_id: str) -> Done:
        """Have the response begun. A connection that closes meanwhile does not cut this in two."""
        remembered = self._unstored.remembered(creation.previous_response_id)
        if remembered is not None:
            creation = msgspec.structs.replace(creation, previous_response_id=None)
        self._unstored.must_be_new(asker)
        self._starting = asyncio.create_task(
            self._create(asker, creation, response_id, remembered),
            name=f"start in {creation.conversation}",
        )
        self._starting.add_done_callback(_look_at)
        return await asyncio.shield(self._starting)

    async def _create(
        self, asker: Asker, creation: Creation, response_id: str, remembered: Remembered | None
    ) -> Done:
        engine = self._connection.engine
        done = await services.create_response(engine, asker, creation, response_id, remembered)
        if creation.cancel_on_disconnect:
            self._leaving.note(done)
        if remembered is not None and isinstance(done, Begun):
            self._unstored.used_steers(remembered.parent_id)
        return done

    def _busy_with(self, response_id: str, conversation_id: str | None = None) -> None:
        self._live[response_id] = conversation_id
        self._idle.clear()

    def _own(self, response_id: str, conversation_id: str, stream_id: str | None) -> None:
        if self._connection.outbox.has_ended(response_id):
            self.ended(response_id)
            return
        self._followings.attend(conversation_id, response_id)
        self._followings.release(steering(conversation_id))
        self._followings.start_own(response_id, conversation_id, stream_id)
        self._connection.names.give(response_id, stream_id)
        self._busy_with(response_id, conversation_id)
        self._connection.outbox.pump()

    # --- prompts that were taken before

    async def _answer_again(
        self, event_id: str, answer: dict[str, str], stream_id: str | None
    ) -> None:
        """The prompt was taken before: its response from its first event, or its place in line."""
        if "response_id" in answer:
            await self._show_again(answer["response_id"], stream_id)
            return
        response_id = await self._wait_again(answer["queued"], event_id)
        outbox = self._connection.outbox
        if response_id and response_id not in outbox.streams and not outbox.has_ended(response_id):
            await self._show_again(response_id, stream_id)

    async def _show_again(self, response_id: str, stream_id: str | None) -> None:
        engine, outbox = self._connection.engine, self._connection.outbox
        stored = await queries.response(engine.pool, response_id)
        if stored is None or stored.info.conversation_id is None:
            raise NotFound("response_not_found", "The response of this prompt was deleted.")
        head = (await log.heads(engine.pool, [response_id]))[response_id]
        outbox.forget(response_id)
        if stored.last_number is not None and head < stored.last_number:
            # Its events are not kept any more: the last one is made again.
            output = await queries.output_items(engine.pool, response_id)
            stream = Stream(response_id, stored.info.conversation_id, stream_id=stream_id)
            outbox.say(stream.stamp(frames.last_event(stored, output, stored.last_number)))
            outbox.mark_ended(response_id, stored.last_number)
            return
        self._own(response_id, stored.info.conversation_id, stream_id)
        if stored.ending is not None:
            self.ended(response_id)  # It is replayed, and holds no other prompt up.
        if response_id in outbox.streams:
            outbox.heard_of(outbox.streams[response_id], head)

    async def _wait_again(self, conversation_id: str, event_id: str) -> str | None:
        """The prompt waits, perhaps for another connection: its answer comes here too.

        Returns its response if it became one meanwhile. Raises `BadRequest` if it was withdrawn.
        """
        pool = self._connection.engine.pool
        user_id = self._connection.identity.user_id
        self._wait(event_id, conversation_id)
        for waiting in await queries.queue(pool, conversation_id):
            if waiting["event_id"] == event_id and waiting["user_id"] == user_id:
                self._connection.say_ours(
                    "queued",
                    conversation=conversation_id,
                    target_event_id=event_id,
                    **shown_prompt(waiting, user_id),
                )
                return None
        self._waits_no_more(event_id)
        response_id = await queries.response_of_event(pool, user_id, event_id)
        if response_id is None:
            raise _withdrawn()
        return response_id

    # --- prompts that wait in a conversation

    def _wait(self, event_id: str, conversation_id: str) -> None:
        self._waiting[event_id] = conversation_id
        self._followings.attend(conversation_id, f"queued {event_id}")

    def _waits_no_more(self, event_id: str) -> None:
        self._waiting.pop(event_id, None)
        self._followings.release(f"queued {event_id}")

    def queue_changed(self, notice: QueueChanged) -> None:
        """A client that does not know our extensions would wait for ever for a withdrawn prompt."""
        if notice.left in self._waiting:
            self._waits_no_more(notice.left)
            if notice.reason == "withdrawn":
                self._refuse_waiting(_withdrawn(), notice.left)

    def removed(self, conversation_id: str) -> None:
        """The conversation was deleted, and the prompts that waited in it."""
        for event_id, where in list(self._waiting.items()):
            if where == conversation_id:
                self._waits_no_more(event_id)
                gone = BadRequest("conversation_deleted", "The conversation was deleted.")
                self._refuse_waiting(gone, event_id)

    def _refuse_waiting(self, error: WireError, event_id: str) -> None:
        if not self._connection.extended:
            name = self._connection.names.of(event_id)
            self._connection.refuse(error, event_id=event_id, stream_id=name)

    # --- what comes in

    def expects(self, notice: Started) -> bool:
        """Whether the response is this connection's to be shown, without following."""
        return self._connection.connection_id in notice.connection_ids or not (
            self._waiting.keys().isdisjoint(notice.event_ids)
        )

    def started(self, notice: Started) -> None:
        """A response began that this connection asked for: a waiting prompt's, or a successor."""
        name = self._connection.names.of(*notice.event_ids, notice.parent_id)
        self.adopt(notice.response_id, notice.conversation_id, name)
        for event_id in notice.event_ids:
            if event_id in self._waiting:
                self._waits_no_more(event_id)

    def adopt(self, response_id: str, conversation_id: str, stream_id: str | None = None) -> None:
        outbox = self._connection.outbox
        if outbox.has_ended(response_id) or self._live.get(response_id):
            return
        known = outbox.streams.get(response_id)
        self._own(response_id, conversation_id, stream_id or (known.stream_id if known else None))

    def ended(self, response_id: str) -> None:
        """The connection's own response ended: the next prompt's turn."""
        self._live.pop(response_id, None)
        if response_id not in self._connection.outbox.streams:
            self._followings.release(response_id)  # Its end was shown as well.
        if not self._live:
            self._idle.set()

    # --- the end of the connection

    async def settle(self, seconds: float, reason: WireError | None = None) -> None:
        """Start nothing more, and wait until nothing of the connection's own runs, within bounds.

        Prompts that wait for their turn are refused, for this reason.
        """
        self._over = reason or Unavailable(
            "shutting_down", "The service restarts. Try again in a moment."
        )
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            self._live.clear()
            self._idle.set()
            self._unstored.interrupt()

    def leave(self) -> None:
        """The connection is gone: so goes what was to last no longer."""
        self._leaving.leave(self._starting)


def _withdrawn() -> BadRequest:
    return BadRequest(
        "prompt_withdrawn", "The prompt was withdrawn before its turn came. Send it as a new one."
    )


def _look_at(task: asyncio.Task[Done]) -> None:
    """Whoever waited for it may be gone: its failure is nobody's then."""
    if not task.cancelled():
        task.exception()
