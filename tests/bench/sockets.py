"""A WebSocket client that costs next to nothing: what it does, the server cannot do on two cores.

Frames of a server are not masked, so that reading one is a slice. A frame is kept as bytes with the
time of the read that brought it; nothing is decoded before the measurement is over.
"""

import asyncio
import base64
import os
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECT_SECONDS = 60
AT_ONCE = 25
# The kind of an event stands at its beginning.
HEAD_BYTES = 64
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
MASK = b"\0\0\0\0"


class Frame(NamedTuple):
    at: float
    payload: bytes


class Address(NamedTuple):
    """Where to connect, and as whom."""

    url: str
    key: str = ""


class Socket(asyncio.Protocol):
    """One connection. `frames` is what came; `until` waits for a frame that holds a mark."""

    def __init__(self, address: Address) -> None:
        self.frames: list[Frame] = []
        self._address = address
        self._rest = b""
        self._why = ""
        self._transport: asyncio.Transport
        self._open = asyncio.get_running_loop().create_future()
        self._marks: Sequence[bytes] = ()
        self._head: int | None = HEAD_BYTES
        self._found: asyncio.Future[Frame] | None = None

    async def until(
        self,
        *marks: bytes,
        seconds: float = 30,
        since: int | None = None,
        head: int | None = HEAD_BYTES,
    ) -> Frame:
        """The next frame that begins with one of the marks, within so many bytes of its head.

        `since` looks through older frames first, from that one on.
        """
        self._head = head
        for frame in self.frames[since:] if since is not None else ():
            if any(mark in frame.payload[:head] for mark in marks):
                return frame
        self._marks = marks
        self._found = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(seconds):
            return await self._found

    def send(self, text: str) -> float:
        """Send a text frame, now. Returns when."""
        payload = text.encode()
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        at = time.monotonic()
        self._transport.write(bytes([0x80 | TEXT]) + length + MASK + payload)
        return at

    def close(self) -> None:
        self._transport.write(bytes([0x80 | CLOSE, 0x82]) + MASK + b"\x03\xe8")
        self._transport.close()

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        where = urlsplit(self._address.url)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {where.path}?{where.query} HTTP/1.1",
            f"Host: {where.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if self._address.key:
            lines.append(f"Authorization: Bearer {self._address.key}")
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = 0
        if not self._open.done():
            at = self._shake_hands(data)
            if not at:
                self._rest = data
                return
        now, size = time.monotonic(), len(data)
        while size - at >= 2:
            code, length, start = data[at], data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if start + length > size:
                break
            at = start + length
            self._take(code, Frame(now, data[start:at]))
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        lost = ConnectionError(f"the server closed the connection: {self._why or exc}")
        for waiting in (self._open, self._found):
            if waiting is not None and not waiting.done():
                waiting.set_exception(lost)

    def _shake_hands(self, data: bytes) -> int:
        """Where the first frame begins; 0: the answer has not come to its end."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if data.startswith(b"HTTP/1.1 101"):
            self._open.set_result(None)
        else:
            self._open.set_exception(ConnectionError(data.split(b"\r\n", 1)[0].decode()))
        return end + 4

    def _take(self, code: int, frame: Frame) -> None:
        if code == 0x80 | TEXT:
            self.frames.append(frame)
            if self._marks:
                self._look(frame)
        elif code == 0x80 | PING:
            pong = bytes([0x80 | PONG, 0x80 | len(frame.payload)])
            self._transport.write(pong + MASK + frame.payload)
        elif code == 0x80 | CLOSE:
            code = int.from_bytes(frame.payload[:2], "big")
            self._why = f"{code} {frame.payload[2:].decode()}"

    def _look(self, frame: Frame) -> None:
        head = frame.payload[: self._head]
        for mark in self._marks:
            if mark in head and self._found is not None and not self._found.done():
                self._marks = ()
                self._found.set_result(frame)
                return

    @property
    def opened(self) -> asyncio.Future[None]:
        return self._open


async def connect(address: Address) -> Socket:
    where = urlsplit(address.url)
    assert where.hostname is not None and where.port is not None
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        _, socket = await loop.create_connection(
            lambda: Socket(address), where.hostname, where.port
        )
        await socket.opened
    return socket


async def connect_all(addresses: Sequence[Address]) -> list[Socket]:
    """A few at a time: what is measured comes later."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(address: Address) -> Socket:
        async with room:
            return await connect(address)

    return await asyncio.gather(*map(one, addresses))


def close_all(sockets: Sequence[Socket]) -> None:
    for socket in sockets:
        socket.close()
