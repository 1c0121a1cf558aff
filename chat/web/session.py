"""One connection: commands in, events out. Knows nothing of the server or the socket under it.

Parses each frame once, puts it into the lane of its kind, and answers. What runs, runs elsewhere:
nothing here waits for a stream.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.conf import settings

from chat.access import Identity
from chat.engine import notices
from chat.engine.audience import Sighting
from chat.engine.notices import AnyNotice
from chat.engine.process import Engine
from chat.protocol import lifecycle, requests
from chat.protocol.batch import Batch
from chat.protocol.errors import BadRequest, Unavailable, WireError
from chat.protocol.follower import Window
from chat.web import closing
from chat.web.closing import Closing
from chat.web.connection import Connection
from chat.web.control import Control
from chat.web.followings import Followings
from chat.web.intake import Intake, Work
from chat.web.lanes import Lanes
from chat.web.outbox import Failure, Outbox
from chat.web.prompting import Prompting
from chat.web.stream import Stream
from chat.web.unstored import Unstored

logger = logging.getLogger(__name__)

LIMIT_GRACE_SECONDS = 60.0  # How long a running response may outlast the connection's time.
RESTART_GRACE_SECONDS = 1.0


class Session:
    """`send` delivers a text frame, `close` ends the connection with a code: both the server's.

    Made when a connection opens; `start` first, `finish` last. To the engine it is a `Viewer`.
    """

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        *,
        extended: bool,
    ) -> None:
        chat = settings.CHAT
        self.identity = identity
        self._engine = engine
        outbox = Outbox(
            pool=engine.pool,
            window=Window(max_bytes=chat.window_bytes, max_events=chat.window_events),
            outstanding_bytes=chat.outstanding_bytes,
            send=send,
            send_seconds=chat.send_seconds,
            on_end=self._stream_ended,
            on_failure=self._failed,
        )
        self.connection = Connection(engine, identity, outbox, extended=extended)
        self.connection_id = self.connection.connection_id
        self._outbox = outbox
        self._intake = Intake(self.connection)
        self._followings = Followings(self.connection, self)
        self._unstored = Unstored(self.connection)
        self._control = Control(self.connection, self._followings, self._unstored)
        self._prompting = Prompting(self.connection, self._followings, self._unstored)
        self._lanes = Lanes(self.connection, self._perform, self.signed_out)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = Closing(self.connection, close)

    def start(self) -> None:
        self._engine.audience.enter(self)
        seconds = settings.CHAT.connection_minutes * 60
        self._timer = asyncio.get_running_loop().call_later(seconds, self._reach_limit)

    async def finish(self) -> None:
        """The connection is gone. What is stored goes on without it."""
        self._closing.done()
        if self._timer is not None:
            self._timer.cancel()
        await self._outbox.stop()
        try:
            await self._lanes.finish()
        finally:
            # Not before: a stop that is still done has the connection hear of its response.
            self._engine.audience.leave(self)
            self._prompting.leave()
        for task in self._tasks:
            task.cancel()

    # --- frames in

    def receive(self, text: str | None) -> None:
        """A frame came; None: a binary one. Returns at once, and raises nothing: servers would
        end the connection.
        """
        if self._closing.begun:
            return
        try:
            work = self._intake.read(text)
            if work is not None:
                self._take(work)
        except Exception:
            logger.exception("A frame could not be taken")
            self.connection.refuse(
                Unavailable("server_error", "The service could not take the frame.")
            )

    def _take(self, work: Work) -> None:
        try:
            match work.command:
                case requests.Ack() as ack:
                    self._acknowledge(ack)
                case requests.Processed():
                    pass
                case _:
                    self._lanes.put(work)
        except WireError as error:
            self.connection.refuse_command(error, work.command)

    def _acknowledge(self, ack: requests.Ack) -> None:
        if not self._outbox.was_sent(ack.response_id, ack.sequence_number):
            raise BadRequest(
                "invalid_sequence_number",
                "No event with this number was sent on this connection.",
                param="sequence_number",
            )
        self._outbox.acknowledge(ack.response_id, ack.sequence_number)

    async def _perform(self, work: Work) -> None:
        command, event_hash = work.command, work.event_hash
        asker = self.connection.asker(command.event_id, event_hash)
        match command:
            case requests.Create():
                await self._prompting.create(command, event_hash, command.stream_id)
            case requests.Follow():
                await self._followings.follow(command)
            case requests.Unfollow():
                self._followings.unfollow(command)
            case requests.Steer():
                await self._control.steer(command, asker)
            case requests.Cancel():
                await self._control.cancel(command, asker)
            case requests.Feedback():
                await self._control.feedback(command, asker)
            case requests.Dequeue():
                await self._control.dequeue(command, asker)
            case requests.Typing():
                await self._control.typing(command, asker)

    # --- what the engine tells its viewers

    def offer(self, batch: Batch, frames: Sequence[str]) -> None:
        if not self._closing.begun:
            self._followings.offer(batch, frames)

    def sighted(self, sighting: Sighting) -> None:
        if self.connection_id in sighting.connection_ids:
            self._prompting.adopt(sighting.response_id, sighting.conversation_id)
        self._followings.sighted(sighting)
        if sighting.status in lifecycle.ENDED:
            self._response_ended(sighting.response_id)

    def notice(self, notice: AnyNotice) -> None:
        follows = self._followings.follows(notice.conversation_id)
        match notice:
            case notices.Started():
                if self._prompting.expects(notice):
                    self._prompting.started(notice)
            case notices.Ended():
                self._response_ended(notice.response_id)
            case notices.SteerHeld() if notice.connection_id == self.connection_id:
                self._control.steer_held(notice)
            case notices.SteerFailed() if notice.connection_id == self.connection_id:
                self._control.steer_failed(notice)
            case notices.Switched() | notices.Titled():
                self._control.told(notice, follows=follows)
            case notices.QueueChanged():
                self._control.queue_changed(notice, follows=follows)
                self._prompting.queue_changed(notice)
            case notices.Removed():
                self._removed(notice.conversation_id)
            case notices.Typing() if follows and notice.connection_id != self.connection_id:
                self.connection.say_ours(
                    "typing", conversation=notice.conversation_id, user=notice.user
                )

    def signed_out(self) -> None:
        """The login ended: nothing more is said, and nothing more taken."""
        self._closing.begin(closing.SIGNED_OUT)

    def restart(self, patience: float) -> None:
        """The process stops: clients come back on this code. Ends that are on their way come.

        What the client could not find elsewhere may end here, within so many seconds: a response
        that is not stored, or any that a client without cursors waits for.
        """
        bound = not self.connection.extended or self._unstored.is_running
        seconds = max(patience, RESTART_GRACE_SECONDS) if bound else RESTART_GRACE_SECONDS
        self._spawn(self._settle_and_end(seconds, closing.RESTARTING))

    # --- ends

    def _stream_ended(self, stream: Stream) -> None:
        self._prompting.ended(stream.response_id)

    def _response_ended(self, response_id: str) -> None:
        self._prompting.ended(response_id)
        if self._control.waits_for(response_id):
            self._spawn(self._control.ended(response_id))

    def _removed(self, conversation_id: str) -> None:
        if self._followings.knows(conversation_id):
            self.connection.say_ours("removed", conversation=conversation_id)
        for stream in list(self._outbox.streams.values()):
            if stream.conversation_id == conversation_id and stream.own:
                gone = BadRequest("conversation_deleted", "The conversation was deleted.")
                self.connection.refuse(
                    gone, stream_id=stream.stream_id, response_id=stream.response_id
                )
                self._prompting.ended(stream.response_id)
        self._prompting.removed(conversation_id)
        self._followings.forget(conversation_id, keep_own=False)

    def _reach_limit(self) -> None:
        """The connection's time is over; a running response may finish, within bounds."""
        minutes = settings.CHAT.connection_minutes
        reached = BadRequest(
            "websocket_connection_limit_reached",
            f"A connection lasts {minutes:g} minutes. Connect again.",
        )
        self._spawn(self._settle_and_end(LIMIT_GRACE_SECONDS, closing.GOING_AWAY, reached))

    async def _settle_and_end(
        self, seconds: float, code: int, reason: WireError | None = None
    ) -> None:
        await self._prompting.settle(seconds, reason)
        await self._lanes.answer_prompts()
        self._closing.begin(code, reason)

    def _failed(self, failure: Failure) -> None:
        """What goes out does not arrive: the connection is given up, and gathers nothing more."""
        self._engine.audience.leave(self)
        match failure:
            case Failure.OVERFULL:
                said = "Too much waits that was not read. Connect again, and read it or send acks."
                self._closing.begin(closing.SLOW_CONSUMER, BadRequest("slow_consumer", said))
            case Failure.SLOW:
                self._closing.begin(closing.SLOW_CONSUMER)
            case Failure.GONE | Failure.FAULT:
                self._closing.begin(closing.TRY_AGAIN)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
