"""One connection: commands in, events out. Knows nothing of the server or the socket under it.

Parses each frame once, puts it into the lane of its kind, and answers. What runs, runs elsewhere:
nothing here waits for a stream.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.conf import settings

from chat import services
from chat.access import Identity
from chat.engine import notices
from chat.engine.audience import Sighting
from chat.engine.notices import AnyNotice
from chat.engine.process import Engine
from chat.engine.pulse import UNREACHABLE
from chat.protocol import lifecycle, requests
from chat.protocol.batch import Batch
from chat.protocol.errors import BadRequest, RateLimited, Unauthorized, Unavailable, WireError
from chat.protocol.follower import Window
from chat.protocol.requests import Command
from chat.services import Asker
from chat.web.connection import Connection
from chat.web.control import Control
from chat.web.followings import Followings
from chat.web.intake import Intake, Work
from chat.web.lane import Lane
from chat.web.outbox import Outbox, Stream
from chat.web.prompting import Prompting
from chat.web.unstored import Unstored

logger = logging.getLogger(__name__)

MAX_WAITING = 100
LIMIT_GRACE_SECONDS = 60.0  # How long a running response may outlast the connection's time.

SIGNED_OUT = 4401
SLOW_CONSUMER = 4408
GOING_AWAY = 1001
RESTARTING = 1012


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
        self._close = close
        outbox = Outbox(
            pool=engine.pool,
            window=Window(
                max_bytes=chat.window_bytes,
                max_events=chat.window_events,
                outstanding_bytes=chat.outstanding_bytes,
            ),
            send=send,
            send_seconds=chat.send_seconds,
            on_end=self._stream_ended,
            on_broken=self._broken,
        )
        self.connection = Connection(engine, identity, outbox, extended=extended)
        self.connection_id = self.connection.connection_id
        self._outbox = outbox
        self._intake = Intake(self.connection)
        self._followings = Followings(self.connection, self)
        self._unstored = Unstored(self.connection)
        self._control = Control(self.connection, self._followings, self._unstored)
        self._prompting = Prompting(self.connection, self._followings, self._unstored)
        self._lanes = {
            lane: Lane(self._do, MAX_WAITING) for lane in ("prompts", "reads", "control")
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False

    def start(self) -> None:
        self._engine.audience.enter(self)
        seconds = settings.CHAT.connection_minutes * 60
        self._timer = asyncio.get_running_loop().call_later(
            seconds, lambda: self._spawn(self._reach_limit())
        )

    async def finish(self) -> None:
        """The connection is gone. What is stored goes on without it."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._engine.audience.leave(self)
        for lane in self._lanes.values():
            await lane.stop()
        await self._outbox.stop()
        for response_id in self._prompting.to_cancel():
            await self._cancel_quietly(response_id)
        for task in self._tasks:
            task.cancel()

    # --- frames in

    def receive(self, text: str | None) -> None:
        """A frame came; None: a binary one. Returns at once."""
        work = self._intake.read(text)
        if work is None:
            return
        try:
            self._take(work)
        except WireError as error:
            self._refuse_command(error, work.command)

    def _take(self, work: Work) -> None:
        match work.command:
            case requests.Ack() as ack:
                self._acknowledge(ack)
            case requests.Processed():
                pass
            case requests.Unfollow() as unfollow:
                self._followings.unfollow(unfollow)
            case command:
                if not self._lanes[_lane_of(command)].put(work):
                    raise RateLimited(
                        "rate_limit_exceeded", "Too many frames wait already. Try again in 1s."
                    )

    def _acknowledge(self, ack: requests.Ack) -> None:
        if ack.sequence_number > self._outbox.last_sent(ack.response_id):
            raise BadRequest(
                "invalid_sequence_number",
                "No event with this number was sent on this connection.",
                param="sequence_number",
            )
        self._outbox.acknowledge(ack.response_id, ack.sequence_number)

    async def _do(self, work: Work) -> None:
        """Do one command. Every failure is answered; none ends the connection."""
        command = work.command
        try:
            await self._perform(command, work.event_hash)
        except Unauthorized as error:
            self._refuse_command(error, command)
            self.signed_out()
        except WireError as error:
            self._refuse_command(error, command)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a frame is refused: %s", error)
            self._refuse_command(
                Unavailable("unavailable", "The service is not ready. Try again in 1s."), command
            )
        except Exception:
            logger.exception("A frame could not be done")
            self._refuse_command(
                Unavailable("server_error", "The service failed. Try again."), command
            )

    async def _perform(self, command: Command, event_hash: str | None) -> None:
        asker = self.connection.asker(command.event_id, event_hash)
        match command:
            case requests.Create():
                await self._prompting.create(command, event_hash, command.stream_id)
            case requests.Follow():
                await self._followings.follow(command)
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
            case notices.QueueChanged():
                self._control.queue_changed(notice, follows=follows)
            case notices.Removed():
                self._removed(notice.conversation_id)
            case notices.Typing() if follows and notice.connection_id != self.connection_id:
                self.connection.say_ours(
                    "typing", conversation=notice.conversation_id, user=notice.user
                )
            case notices.Titled() if follows:
                self.connection.say_ours(
                    "title", conversation=notice.conversation_id, title=notice.title
                )

    def signed_out(self) -> None:
        """The login ended: nothing more is said, and nothing more taken."""
        self._spawn(self._end(SIGNED_OUT))

    def restart(self) -> None:
        """The process stops: clients come back on this code."""
        self._spawn(self._end(RESTARTING))

    # --- ends

    def _stream_ended(self, stream: Stream) -> None:
        self._prompting.ended(stream.response_id)

    def _response_ended(self, response_id: str) -> None:
        self._prompting.ended(response_id)
        if self._control.waits_for(response_id):
            self._spawn(self._control.ended(response_id))

    def _removed(self, conversation_id: str) -> None:
        self.connection.say_ours("removed", conversation=conversation_id)
        for stream in list(self._outbox.streams.values()):
            if stream.conversation_id == conversation_id and stream.own:
                gone = BadRequest("conversation_deleted", "The conversation was deleted.")
                self.connection.refuse(
                    gone, stream_id=stream.stream_id, response_id=stream.response_id
                )
                self._prompting.ended(stream.response_id)
        self._followings.forget(conversation_id, keep_own=False)

    async def _reach_limit(self) -> None:
        """The connection's time is over; a running response may finish, within bounds."""
        await self._prompting.settle(LIMIT_GRACE_SECONDS)
        minutes = settings.CHAT.connection_minutes
        self.connection.refuse(
            BadRequest(
                "websocket_connection_limit_reached",
                f"A connection lasts {minutes:g} minutes. Connect again.",
            )
        )
        await self._end(GOING_AWAY)

    def _broken(self, reason: str) -> None:
        if reason == "slow_consumer":
            self._spawn(self._end(SLOW_CONSUMER, "slow_consumer"))

    async def _end(self, code: int, error_code: str | None = None) -> None:
        if self._closing:
            return
        self._closing = True
        if error_code is not None:
            logger.info("A connection is closed: %s", error_code)
        await self._outbox.drain()
        await self._close(code)

    async def _cancel_quietly(self, response_id: str) -> None:
        try:
            await services.request_cancel(
                self._engine, Asker(self.identity, self.connection_id), response_id, None
            )
        except (WireError, *UNREACHABLE) as error:
            logger.warning("A response was not cancelled with its connection: %s", error)

    # --- answers

    def _refuse_command(self, error: WireError, command: Command) -> None:
        self.connection.refuse(
            error,
            event_id=command.event_id,
            stream_id=getattr(command, "stream_id", None),
            response_id=getattr(command, "response_id", None),
        )

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _lane_of(command: Command) -> str:
    if isinstance(command, requests.Create):
        return "prompts"
    return "reads" if isinstance(command, requests.Follow) else "control"
