"""The conversations that a connection follows, and the responses that it is shown of them.

Join first, then read: from the moment of the wish nothing passes by, and what is heard while the
snapshot is read is remembered by its number. Each event goes out once, also when the connection
created the response itself.
"""

from collections.abc import Sequence
from typing import Any

from chat import queries, services
from chat.engine.audience import Sighting, Viewer
from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.errors import NotFound
from chat.protocol.requests import Follow, Unfollow
from chat.snapshot import resume, snapshot
from chat.web.connection import Connection
from chat.web.stream import Stream


class Followings:
    """`_attended`: why, besides following, the connection hears of conversations.

    `_joining`: conversations whose snapshot is being read, and what was heard of meanwhile.
    """

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self._connection = connection
        self.viewer = viewer
        self._followed: set[str] = set()
        self._attended: dict[str, str] = {}
        self._joining: dict[str, dict[str, int]] = {}

    def follows(self, conversation_id: str) -> bool:
        return conversation_id in self._followed

    def knows(self, conversation_id: str) -> bool:
        """Whether the client was told anything of it. One that only wishes to follow was not."""
        streams = self._connection.outbox.streams.values()
        return self._is_heard(conversation_id) or any(
            stream.conversation_id == conversation_id for stream in streams
        )

    # --- commands

    async def follow(self, command: Follow) -> None:
        conversation_id = command.conversation
        engine = self._connection.engine
        await services.check_login(engine, self._connection.identity)
        engine.audience.follow(conversation_id, self.viewer)
        heard = self._joining.setdefault(conversation_id, {})
        self._hold(conversation_id, held=True)
        try:
            await self._join(command, heard)
        except BaseException:
            self._leave_if_unknown(conversation_id)
            raise
        finally:
            self._joining.pop(conversation_id, None)
            self._hold(conversation_id, held=False)
        self._connection.outbox.pump()

    async def _join(self, command: Follow, heard: dict[str, int]) -> None:
        connection, conversation_id = self._connection, command.conversation
        user_id = connection.identity.user_id
        resumed = None
        if command.after:
            cursors = {each.response_id: each.sequence_number for each in command.after}
            resumed = await resume(connection.engine.pool, user_id, conversation_id, cursors)
        if resumed is not None:
            queued = await self._queued(conversation_id)
            self._must_be_there(conversation_id, heard)
            connection.say_ours(
                "followed",
                event_id=command.event_id,
                conversation=conversation_id,
                queued=queued,
            )
            places = resumed.places
            # What was created here may be on its way still, and is not in the client's hands.
            ended = {k: v for k, v in resumed.ended.items() if not connection.outbox.is_own(k)}
        else:
            frame = await snapshot(connection.engine.pool, user_id, conversation_id)
            if frame is None:
                raise _not_found()
            self._must_be_there(conversation_id, heard)
            connection.say_ours("snapshot", event_id=command.event_id, **frame)
            places, ended = _places(frame["responses"])
        for response_id, last_number in ended.items():
            connection.outbox.mark_ended(response_id, last_number)
            self._attended.pop(response_id, None)
        self._followed.add(conversation_id)
        self._place(conversation_id, places, heard)

    def _must_be_there(self, conversation_id: str, heard: dict[str, int]) -> None:
        """It may have been removed while it was read: then it is joined no longer."""
        if self._joining.get(conversation_id) is not heard:
            raise _not_found()

    def _place(
        self, conversation_id: str, places: dict[str, tuple[int, int]], heard: dict[str, int]
    ) -> None:
        """Put the viewer where the snapshot, or its cursors, left it."""
        outbox = self._connection.outbox
        for response_id, (wanted, known) in places.items():
            stream = outbox.streams.get(response_id)
            if stream is None:
                stream = outbox.open(Stream(response_id, conversation_id))
                stream.held = True
            if not stream.own or wanted > stream.follower.next_number:
                stream.follower.next_number = wanted
            stream.follower.heard_of(max(known, heard.get(response_id, -1)))
        for response_id, last_number in heard.items():
            if response_id not in places and not outbox.has_ended(response_id):
                self._stream(conversation_id, response_id).follower.heard_of(last_number)

    def unfollow(self, command: Unfollow) -> None:
        self.forget(command.conversation, keep_own=True)

    def forget(self, conversation_id: str, *, keep_own: bool) -> None:
        """Nothing more of the conversation goes out, but what the connection started itself."""
        self._followed.discard(conversation_id)
        outbox = self._connection.outbox
        for stream in list(outbox.streams.values()):
            if stream.conversation_id == conversation_id and not (keep_own and stream.own):
                outbox.close(stream.response_id)
        if not keep_own:
            self._joining.pop(conversation_id, None)
            left = {why: which for why, which in self._attended.items() if which != conversation_id}
            self._attended = left
        self._leave_if_unknown(conversation_id)

    def attend(self, conversation_id: str, reason: str) -> None:
        """Hear of the conversation for the sake of something of the connection's own in it.

        `reason` names that: the same name releases it. While there are any, the audience asks for
        the conversation every second.
        """
        self._attended[reason] = conversation_id
        self._connection.engine.audience.follow(conversation_id, self.viewer)

    def release(self, reason: str) -> None:
        conversation_id = self._attended.pop(reason, None)
        if conversation_id is not None and conversation_id not in self._joining:
            self._leave_if_unknown(conversation_id)

    # --- what comes in

    def offer(self, batch: Batch, frames: Sequence[str]) -> None:
        heard = self._joining.get(batch.conversation_id)
        if heard is not None:
            heard[batch.response_id] = max(heard.get(batch.response_id, -1), batch.last_number)
        stream = self._known(batch.response_id, batch.conversation_id)
        if stream is not None:
            self._connection.outbox.offer(stream, batch.first_number, frames)

    def sighted(self, sighting: Sighting) -> None:
        stream = self._known(sighting.response_id, sighting.conversation_id)
        if stream is not None:
            self._connection.outbox.heard_of(stream, sighting.last_number)

    def start_own(
        self, response_id: str, conversation_id: str | None, stream_id: str | None
    ) -> Stream:
        """A response of the connection's own: shown from its first event on.

        Its conversation is not known before it began.
        """
        outbox = self._connection.outbox
        stream = outbox.streams.get(response_id) or outbox.open(Stream(response_id, None))
        if conversation_id is not None:
            self._settle(stream, conversation_id)
        stream.own = True
        stream.stream_id = stream_id
        return stream

    def _settle(self, stream: Stream, conversation_id: str) -> None:
        """Say whose stream it is: a snapshot that is on its way may know nothing of it yet."""
        if stream.conversation_id is None:
            stream.conversation_id = conversation_id
            stream.held = conversation_id in self._joining

    def _known(self, response_id: str, conversation_id: str) -> Stream | None:
        """The stream of a response that goes out here, opened if the conversation is followed."""
        outbox = self._connection.outbox
        stream = outbox.streams.get(response_id)
        if stream is not None:
            self._settle(stream, conversation_id)
        if stream is not None or outbox.has_ended(response_id):
            return stream
        joining = conversation_id in self._joining
        if conversation_id in self._followed and not joining:
            return self._stream(conversation_id, response_id)
        return None

    def _stream(self, conversation_id: str, response_id: str) -> Stream:
        outbox = self._connection.outbox
        found = outbox.streams.get(response_id)
        return found or outbox.open(Stream(response_id, conversation_id))

    def _hold(self, conversation_id: str, *, held: bool) -> None:
        for stream in self._connection.outbox.streams.values():
            if stream.conversation_id == conversation_id:
                stream.held = held

    def _leave_if_unknown(self, conversation_id: str) -> None:
        if not self._is_heard(conversation_id):
            self._connection.engine.audience.unfollow(conversation_id, self.viewer)

    def _is_heard(self, conversation_id: str) -> bool:
        return conversation_id in self._followed or conversation_id in self._attended.values()

    async def _queued(self, conversation_id: str) -> list[dict[str, Any]]:
        waiting = await queries.queue(self._connection.engine.pool, conversation_id)
        return [shown_prompt(each, self._connection.identity.user_id) for each in waiting]


def _not_found() -> NotFound:
    return NotFound(
        "conversation_not_found", "There is no such conversation.", param="conversation"
    )


def _places(
    responses: Sequence[dict[str, Any]],
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Where a snapshot leaves its reader: in what runs, and at the end of what has ended."""
    places, ended = {}, {}
    for response in responses:
        number = response["sequence_number"]
        if response["status"] in lifecycle.ENDED:
            ended[response["id"]] = number
        else:
            places[response["id"]] = (number + 1, number)
    return places, ended


def shown_prompt(waiting: dict[str, Any], user_id: int) -> dict[str, Any]:
    """A waiting prompt as a client sees it."""
    return {
        "event_id": waiting["event_id"],
        "position": waiting["position"],
        "input": waiting["input"],
        "mine": waiting["user_id"] == user_id,
    }
