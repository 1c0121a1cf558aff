"""What goes out on one connection, in order: answers as they come, events as the window allows.

Owns the place of the viewer in each response that it is shown. What does not fit the window is not
held here but read from the log when an ack makes room, so a slow viewer costs nobody memory. One
task sends, and only while there is something to send.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum

from chat.database import UNREACHABLE, Pool
from chat.engine import log
from chat.protocol.follower import Window
from chat.web.stream import Stream
from chat.web.waiting_frames import WaitingFrames

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 100
RETRY_SECONDS = 0.25
REMEMBERED_ENDS = 1_000

_TERMINAL = tuple(f'{{"type":"response.{kind}",' for kind in ("completed", "incomplete", "failed"))


class Failure(Enum):
    """Why a connection must be given up."""

    OVERFULL = "too much waits to be sent"
    SLOW = "a send missed its deadline"
    GONE = "a send failed"
    FAULT = "the service failed"


class Outbox:
    """`send` delivers one text frame. `on_end` hears of each response whose last event went out.

    Nothing more is put behind over `outstanding_bytes` that wait, for whoever acknowledges or not.

    `on_failure` hears why the connection must be given up; of `OVERFULL` it may still `say`
    something. Nothing is taken after it, nor held: it would never go.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        window: Window,
        outstanding_bytes: int,
        send: Callable[[str], Awaitable[None]],
        send_seconds: float,
        on_end: Callable[[Stream], None],
        on_failure: Callable[[Failure], None],
    ) -> None:
        self.streams: dict[str, Stream] = {}
        self.window = window
        self._pool = pool
        self._outstanding_bytes = outstanding_bytes
        self._send = send
        self._send_seconds = send_seconds
        self._on_end = on_end
        self._on_failure = on_failure
        self._ready = WaitingFrames()
        # The last numbers of responses that are not shown any more: to their ends, or in part.
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._left: OrderedDict[str, int] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._sealed = False
        self._broken = False

    # --- streams

    def open(self, stream: Stream) -> Stream:
        self.streams[stream.response_id] = stream
        return stream

    def close(self, response_id: str) -> None:
        """Nothing more of the response goes out."""
        if response_id in self.streams:
            self._leave(response_id)

    def has_ended(self, response_id: str) -> bool:
        """Whether the response's last event went out on this connection."""
        return response_id in self._ended

    def is_own(self, response_id: str) -> bool:
        """Whether the connection created the response, and has not been shown its end yet."""
        stream = self.streams.get(response_id)
        return stream is not None and stream.own

    def last_sent(self, response_id: str) -> int:
        """The last number that went out, -1 if none did."""
        stream = self.streams.get(response_id)
        if stream is None:
            return self._ended.get(response_id, -1)
        return stream.follower.next_number - 1

    def was_sent(self, response_id: str, number: int) -> bool:
        """Whether the event went out on this connection, be the response shown still or not."""
        return number <= max(self.last_sent(response_id), self._left.get(response_id, -1))

    def mark_ended(self, response_id: str, last_number: int) -> None:
        """The viewer knows the response to its end, by a snapshot or by all of its events."""
        self.streams.pop(response_id, None)
        _remember(self._ended, response_id, last_number)

    def forget(self, response_id: str) -> None:
        """The client asks for a response again: it is shown from its first event on."""
        self._leave(response_id)
        self._ended.pop(response_id, None)

    def _leave(self, response_id: str) -> None:
        """What was sent of it holds nothing up, though no ack of it may come any more."""
        last_number = max(self.last_sent(response_id), self._left.get(response_id, -1))
        if last_number >= 0:
            _remember(self._left, response_id, last_number)
        self.streams.pop(response_id, None)
        self.window.release(response_id)
        self._go_on()

    # --- what goes out

    def say(self, frame: str) -> None:
        """An answer, behind whatever is on its way already. The window does not hold it."""
        if not self._sealed:
            self._ready.put(frame)
            self.pump()

    def offer(self, stream: Stream, first_number: int, frames: Sequence[str]) -> None:
        """A batch that was kept just now."""
        if stream.held or not self.window.is_open:
            stream.follower.heard_of(first_number + len(frames) - 1)
            return
        fresh = stream.follower.offer(first_number, frames)
        if fresh:
            self._enqueue(stream, fresh)
            self.pump()
        elif stream.follower.behind:
            self.pump()

    def heard_of(self, stream: Stream, last_number: int) -> None:
        """The log holds the response up to this number."""
        stream.follower.heard_of(last_number)
        if stream.follower.behind:
            self.pump()

    def acknowledge(self, response_id: str, number: int) -> None:
        self.window.acknowledging = True
        self.window.acknowledge(response_id, number)
        self._go_on()

    def _go_on(self) -> None:
        if self.window.is_open:
            self._room.set()
            self.pump()

    async def show(self, stream: Stream, first_number: int, frames: Sequence[str]) -> None:
        """A batch that is kept nowhere: returns when there is room for the next."""
        while not self.window.is_open and not self._sealed:
            self._room.clear()
            await self._room.wait()
        self._enqueue(stream, stream.follower.offer(first_number, frames))
        self.pump()

    def _enqueue(self, stream: Stream, frames: Sequence[str]) -> None:
        if self._sealed:
            return
        # What waited before: whoever reads all the time may be sent much at once.
        if self._ready.chars > self._outstanding_bytes:
            self._ready.clear()
            self._on_failure(Failure.OVERFULL)
            self.seal()
            return
        number = stream.follower.next_number
        for frame in frames:
            self._ready.put(stream.stamp(frame))
            self.window.sent(stream.response_id, number, len(frame))
            number += 1
        stream.follower.sent(len(frames))
        if frames and frames[-1].startswith(_TERMINAL):
            self.mark_ended(stream.response_id, number - 1)
            self._on_end(stream)

    # --- the one task

    def pump(self) -> None:
        """Have sent what may be sent."""
        if self._task is None and not self._broken:
            self._task = asyncio.create_task(self._pump())

    def seal(self) -> None:
        """Nothing more is taken. What was said goes out still."""
        self._sealed = True
        self._room.set()

    async def drain(self) -> None:
        """Wait until what is ready was sent, or cannot be. Bounded."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._send_seconds):
                while self._ready and self._task is not None:
                    await asyncio.wait({self._task})

    async def stop(self) -> None:
        self._break()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _pump(self) -> None:
        try:
            while not self._broken:
                if self._ready:
                    await self._send_ready()
                elif (stream := self._who_is_behind()) is not None:
                    await self._catch_up(stream)
                else:
                    return
        except Exception:
            logger.exception("What goes out on a connection failed")
            self._lose(Failure.FAULT)
        finally:
            self._task = None

    async def _send_ready(self) -> None:
        try:
            while self._ready:
                async with asyncio.timeout(self._send_seconds):
                    await self._send(self._ready.take())
        except TimeoutError:
            self._lose(Failure.SLOW)
        except Exception as error:
            # Daphne and uvicorn differ in what they raise on a socket that is gone.
            logger.debug("A send failed: %r", error)
            self._lose(Failure.GONE)

    def _who_is_behind(self) -> Stream | None:
        if self._sealed or not self.window.is_open:
            return None
        for stream in self.streams.values():
            if stream.follower.behind and not stream.held:
                return stream
        return None

    async def _catch_up(self, stream: Stream) -> None:
        """Serve from the log, as far as the window goes."""
        wanted = stream.follower.next_number
        try:
            runs = await log.read(self._pool, stream.response_id, wanted, ROWS_AT_ONCE)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a viewer waits: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
            return
        if stream.held or self.streams.get(stream.response_id) is not stream:
            return
        if not runs or runs[0][0] > wanted:
            # Dropped by its retention, or with its conversation: there is nothing to go on from.
            stream.follower.known = wanted - 1
            return
        for first_number, frames in runs:
            for offset, frame in enumerate(frames):
                if not self.window.is_open:
                    return
                self._enqueue_one(stream, first_number + offset, frame)

    def _enqueue_one(self, stream: Stream, number: int, frame: str) -> None:
        fresh = stream.follower.offer(number, (frame,))
        if fresh:
            self._enqueue(stream, fresh)

    def _lose(self, failure: Failure) -> None:
        if not self._broken:
            self._break()
            self._on_failure(failure)

    def _break(self) -> None:
        """Nothing goes out any more."""
        self._broken = True
        self.seal()
        self._ready.clear()


def _remember(numbers: OrderedDict[str, int], response_id: str, number: int) -> None:
    numbers[response_id] = number
    if len(numbers) > REMEMBERED_ENDS:
        numbers.popitem(last=False)
