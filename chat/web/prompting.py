"""The prompts of one connection: one response at a time, further ones in order.

A prompt for a conversation that is busy becomes a row of its queue at once, so that a closed tab
loses none; everything else waits here for the connection's own response to end.
"""

import asyncio
from collections import OrderedDict

import msgspec

from chat import queries, services
from chat.engine import log
from chat.engine.notices import Started
from chat.protocol import ids
from chat.protocol.creation import Creation
from chat.protocol.errors import NotFound
from chat.protocol.requests import Create
from chat.services import Asker, Begun, Queued, Remembered, Repeated
from chat.web.connection import Connection
from chat.web.followings import Followings, shown_prompt
from chat.web.unstored import Unstored

REMEMBERED_NAMES = 1_000


class Prompting:
    """`_live`: the connection's own responses that have not ended, with their conversations."""

    def __init__(self, connection: Connection, followings: Followings, unstored: Unstored) -> None:
        self._connection = connection
        self._followings = followings
        self._unstored = unstored
        self._live: dict[str, str | None] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._stream_ids: OrderedDict[str, str] = OrderedDict()
        self._cancel_on_disconnect: set[str] = set()
        self._expected: set[str] = set()

    async def create(self, command: Create, event_hash: str | None, stream_id: str | None) -> None:
        creation = command.creation
        if self._takes_turns(creation):
            await self._idle.wait()
        if creation.previous_response_id:
            self._connection.outbox.window.acknowledge_through(creation.previous_response_id)
        if not creation.store:
            await self._unstored.run(creation, stream_id)
            return
        remembered = self._unstored.remembered(creation.previous_response_id)
        if remembered is not None:
            creation = msgspec.structs.replace(creation, previous_response_id=None)
        response_id = ids.response_id()
        if creation.cancel_on_disconnect:
            self._cancel_on_disconnect.add(response_id)
        asker = self._connection.asker(command.event_id, event_hash)
        await self._begin(asker, creation, response_id, stream_id, remembered)

    def _takes_turns(self, creation: Creation) -> bool:
        """Whether the prompt waits for the connection's own response, as the standard has it.

        One for the conversation that runs becomes a row of its queue instead; and a client that
        knows our extensions may branch off an ended response while another one is written.
        """
        parent = creation.previous_response_id
        if self._connection.extended and creation.store and parent and parent not in self._live:
            return False
        return creation.conversation is None or creation.conversation not in self._live.values()

    async def _begin(
        self,
        asker: Asker,
        creation: Creation,
        response_id: str,
        stream_id: str | None,
        remembered: Remembered | None,
    ) -> None:
        audience = self._connection.engine.audience
        self._followings.start_own(response_id, None, stream_id)
        audience.expect(response_id, self._followings.viewer)
        self._name(asker.event_id, stream_id)
        try:
            done = await services.create_response(
                self._connection.engine, asker, creation, response_id, remembered
            )
        except BaseException:
            self._connection.outbox.close(response_id)
            raise
        finally:
            audience.expected(response_id)
        if not isinstance(done, Begun):
            self._connection.outbox.close(response_id)
        match done:
            case Begun():
                self._own(done.response_id, done.conversation_id, stream_id)
            case Queued():
                self._followings.attend(done.conversation_id)
                await services.announce_queued(self._connection.engine, done)
            case Repeated(answer=answer):
                assert asker.event_id is not None
                await self._answer_again(asker.event_id, answer, stream_id)

    def _own(self, response_id: str, conversation_id: str, stream_id: str | None) -> None:
        self._followings.attend(conversation_id)
        if self._connection.outbox.has_ended(response_id):
            return
        stream = self._followings.start_own(response_id, conversation_id, stream_id)
        stream.conversation_id = conversation_id
        self._name(response_id, stream_id)
        self._live[response_id] = conversation_id
        self._idle.clear()
        self._connection.outbox.pump()

    def _name(self, id_: str | None, stream_id: str | None) -> None:
        """Remember what the client calls the stream, for a waiting prompt or a successor."""
        if id_ is None or stream_id is None:
            return
        self._stream_ids[id_] = stream_id
        if len(self._stream_ids) > REMEMBERED_NAMES:
            self._stream_ids.popitem(last=False)

    async def _answer_again(
        self, event_id: str, answer: dict[str, str], stream_id: str | None
    ) -> None:
        """The prompt was taken before: its response from its first event, or its place in line."""
        engine = self._connection.engine
        response_id = answer.get("response_id")
        if response_id is None:
            await self._wait_again(answer["queued"], event_id)
            return
        stored = await queries.response(engine.pool, response_id)
        if stored is None or stored.info.conversation_id is None:
            raise NotFound("response_not_found", "The response of this prompt was deleted.")
        self._connection.outbox.forget(response_id)
        self._own(response_id, stored.info.conversation_id, stream_id)
        if stored.ending is not None:
            self.ended(response_id)  # It is replayed, and holds no other prompt up.
        stream = self._connection.outbox.streams.get(response_id)
        if stream is not None:
            heads = await log.heads(engine.pool, [response_id])
            self._connection.outbox.heard_of(stream, heads[response_id])

    async def _wait_again(self, conversation_id: str, event_id: str) -> None:
        """The prompt waits already, perhaps for another connection: its answer comes here too."""
        self._expected.add(event_id)
        self._followings.attend(conversation_id)
        for waiting in await queries.queue(self._connection.engine.pool, conversation_id):
            if waiting["event_id"] == event_id:
                self._connection.say_ours(
                    "queued",
                    conversation=conversation_id,
                    target_event_id=event_id,
                    **shown_prompt(waiting, self._connection.identity.user_id),
                )

    # --- what comes in

    def expects(self, notice: Started) -> bool:
        """Whether the response is this connection's to be shown, without following."""
        return self._connection.connection_id in notice.connection_ids or not (
            self._expected.isdisjoint(notice.event_ids)
        )

    def started(self, notice: Started) -> None:
        """A response began that this connection asked for: a waiting prompt's, or a successor."""
        named = (self._stream_ids.get(each) for each in (*notice.event_ids, notice.parent_id or ""))
        self.adopt(notice.response_id, notice.conversation_id, next(filter(None, named), None))

    def adopt(self, response_id: str, conversation_id: str, stream_id: str | None = None) -> None:
        outbox = self._connection.outbox
        if outbox.has_ended(response_id) or response_id in self._live:
            return
        known = outbox.streams.get(response_id)
        self._own(response_id, conversation_id, stream_id or (known.stream_id if known else None))

    def ended(self, response_id: str) -> None:
        """The connection's own response ended: the next prompt's turn."""
        self._cancel_on_disconnect.discard(response_id)
        self._live.pop(response_id, None)
        if not self._live:
            self._idle.set()

    def to_cancel(self) -> set[str]:
        """Responses that were to end with the connection."""
        return self._cancel_on_disconnect & self._live.keys()

    async def settle(self, seconds: float) -> None:
        """Wait until nothing of the connection's own runs, within bounds."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return
