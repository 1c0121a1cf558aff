"""One connection to upstream: asyncio's transport, with nothing between it and its reader.

Owns bytes that came and were not read yet. httpx's usual backend opens a cancel scope, pauses and
resumes the transport and sets a timer for every read, which was half of what reading a token cost.
Here a read that finds bytes returns them, and one that does not waits for a future. Must not know
HTTP.
"""

import asyncio
import ssl
from typing import Any, cast

# What may wait unread in a connection. Beyond it TCP holds the sender.
MAX_UNREAD_BYTES = 128 * 1024
# As in RFC 8305: how long one address may take before the next is tried beside it.
NEXT_ADDRESS_SECONDS = 0.25


class Connection(asyncio.Protocol):
    """One connection, for one reader and one writer at a time. Made by `connect`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._ended = False
        self._failure: Exception | None = None
        self._is_held = False
        self._is_full = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    @property
    def is_quiet(self) -> bool:
        """Open, with nothing unread: what an idle connection must be to be used again."""
        return not (self._ended or self._unread)

    async def read(self) -> bytes:
        """All that is there, as soon as there is any; empty at the end. Raises OSError."""
        while not self._unread:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return b""
            self._reader = self._loop.create_future()
            await self._reader
        data = bytes(self._unread)
        self._unread.clear()
        if self._is_held and self._transport is not None:
            self._is_held = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Returns when most of it has left. What a lost connection did not take is not missed."""
        assert self._transport is not None
        self._transport.write(data)
        while self._is_full and not self._ended:
            self._writer = self._loop.create_future()
            await self._writer

    def abort(self) -> None:
        """Close at once, without sending what is still to be sent."""
        if self._transport is not None:
            self._transport.abort()

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked: uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > MAX_UNREAD_BYTES and not self._is_held and self._transport:
            self._is_held = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._failure = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        _wake(self._writer)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def connect(
    host: str, port: int, tls: ssl.SSLContext | None, seconds: float | None
) -> Connection:
    """Connect, and shake hands where TLS is wanted, within so many seconds altogether.

    Raises TimeoutError, and OSError for everything else (a TLS failure is one too).
    """
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {}
    if isinstance(loop, asyncio.BaseEventLoop):
        # uvloop tries the addresses one after another and does not know the option.
        options["happy_eyeballs_delay"] = NEXT_ADDRESS_SECONDS
    async with asyncio.timeout(seconds):
        _, connection = await loop.create_connection(Connection, host, port, ssl=tls, **options)
    return connection
