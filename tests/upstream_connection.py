"""The wire side of the tests' upstream: requests in, scripts out, to the byte."""

import asyncio
from contextlib import suppress
from typing import Protocol, cast

from tests.gate import Gate
from tests.resets import reset_when_closed
from tests.upstream_script import CUT, HANG, RESET, Accident, Endlessly, Every, Script, Step
from tests.upstream_seen import Seen

SCRIPT_SECONDS = 600.0
TURNS_TO_BE_READ = 3


class Host(Protocol):
    """What a connection needs of its upstream."""

    refuse_at_once: bytes | None

    def joined(self, connection: "Connection") -> None: ...
    def left(self, connection: "Connection") -> None: ...
    def changed(self) -> None: ...
    def answer_to(self, seen: Seen) -> Script: ...


class _Gone(Exception):
    """The connection is not there any more."""


class Connection(asyncio.Protocol):
    """One connection of a client: requests in, scripts out, one after another."""

    def __init__(self, upstream: Host) -> None:
        self._upstream = upstream
        self._inbox = bytearray()
        self._seen: Seen | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's
        self._upstream.joined(self)

    def data_received(self, data: bytes) -> None:
        self._inbox += data
        self._next()

    def eof_received(self) -> None:
        self._left()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left()
        self._lost.set()
        self._upstream.left(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        self._transport.abort()

    async def gone(self) -> None:
        await self._lost.wait()
        if self._task is not None:
            await asyncio.wait({self._task})

    def _left(self) -> None:
        if self._seen is not None:
            self._seen.mark_closed()
        if self._task is not None:
            self._task.cancel()
        self._upstream.changed()

    def _next(self) -> None:
        """Answer the request that has arrived, if all of it has and none is being answered."""
        if self._task is not None and not self._task.done():
            return
        head, found, rest = bytes(self._inbox).partition(b"\r\n\r\n")
        if not found:
            return
        if self._upstream.refuse_at_once is not None:
            self._transport.write(self._upstream.refuse_at_once)
            self._transport.pause_reading()
            return
        line, *fields = head.decode("latin-1").split("\r\n")
        pairs = (each.split(":", 1) for each in fields)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        method, path, _ = line.split(" ")
        self._inbox = bytearray(rest[length:])
        self._seen = Seen(method, path, headers, rest[:length])
        script = self._upstream.answer_to(self._seen)
        self._task = asyncio.get_running_loop().create_task(self._answer(self._seen, script))

    async def _answer(self, seen: Seen, script: Script) -> None:
        with suppress(_Gone):
            for step in script.before_head:
                await self._take(step, script)
            if not script.raw:
                self._transport.write(_head(script))
            for step in script.pieces:
                await self._take(step, script)
            self._conclude(script)
            seen.mark_answered()
            self._upstream.changed()
            if not self._transport.is_closing():
                asyncio.get_running_loop().call_soon(self._next)

    async def _take(self, step: Step, script: Script) -> None:
        match step:
            case bytes():
                await self._write(step, script)
            case Gate():
                await step.passed(SCRIPT_SECONDS)
            case Every():
                await self._pace(step, script)
            case Endlessly():
                while True:
                    await self._write(step.piece, script)
                    await asyncio.sleep(step.seconds)
            case Accident():
                await self._suffer(step)

    async def _pace(self, step: Every, script: Script) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, piece in enumerate(step.pieces):
            await asyncio.sleep(max(0.0, began + number / step.per_second - loop.time()))
            await self._write(piece, script)

    async def _suffer(self, accident: Accident) -> None:
        if accident is HANG:
            await self._lost.wait()
            raise _Gone
        if self._seen is not None:
            self._seen.mark_answered()
        if accident is CUT:
            self._transport.close()
        elif accident is RESET:
            reset_when_closed(self._transport.get_extra_info("socket"))
            self._transport.abort()
        raise _Gone

    async def _write(self, piece: bytes, script: Script) -> None:
        if script.framing == "chunked" and not script.raw:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._transport.write(piece)
        if self._seen is not None:
            self._seen.wrote(piece)
        await self._writable.wait()
        # A client in this loop reads each piece by itself: cuts are cuts.
        for _ in range(TURNS_TO_BE_READ):
            await asyncio.sleep(0)

    def _conclude(self, script: Script) -> None:
        if script.raw or script.framing == "close":
            self._transport.close()
        elif script.framing == "chunked":
            self._transport.write(b"0\r\n\r\n")


def _head(script: Script) -> bytes:
    headers = dict(script.headers)
    if script.content_type is not None:
        headers["content-type"] = script.content_type
    if script.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif script.framing == "length":
        body = b"".join(piece for piece in script.pieces if isinstance(piece, bytes))
        headers["content-length"] = str(len(body))
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {script.status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
