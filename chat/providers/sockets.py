"""One connection to upstream: asyncio's transport, with nothing between it and its reader.

Owns bytes that came and were not read yet. httpx's usual backend opens a cancel scope, pauses and
resumes the transport and sets a timer for every read, which was half of what reading a token cost.
Here a read that finds bytes returns them, and one that does not waits for a future. Must not know
HTTP.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import zip_longest
from typing import Any, cast

# What may wait unread in a connection. Beyond it TCP holds the sender.
MAX_UNREAD_BYTES = 128 * 1024
# As in RFC 8305: how long one address may take before the next is tried beside it.
NEXT_ADDRESS_SECONDS = 0.25

Address = tuple[int, str]
Attempt = Callable[[], Coroutine[Any, Any, "Connection"]]


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
        """Returns when most of it has left, or something came back.

        A server may answer before it has read everything, and then read no more. What a lost
        connection did not take is not missed: reading tells.
        """
        assert self._transport is not None
        self._transport.write(data)
        while self._is_full and self.is_quiet:
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
        _wake(self._writer)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._reader)
        _wake(self._writer)

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

    async def attempt(family: int, address: str) -> Connection:
        _, connection = await loop.create_connection(
            Connection,
            address,
            port,
            family=family,
            ssl=tls,
            server_hostname=host if tls else None,
        )
        return connection

    async with asyncio.timeout(seconds):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = _alternating([(family, str(where[0])) for family, *_, where in found])
        return await _first_of([partial(attempt, *each) for each in addresses])


def _alternating(addresses: list[Address]) -> list[Address]:
    """IPv6 and IPv4 in turn, the system's favourite first: one of them may lead nowhere."""
    favourites = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    pairs = zip_longest(favourites, others)
    return [each for pair in pairs for each in pair if each is not None]


async def _first_of(attempts: list[Attempt]) -> Connection:
    """The first attempt that succeeds; each begins when the one before fails, or takes its time.

    asyncio's own way of doing this loses a socket when it is cancelled at the wrong moment, and
    uvloop has none.
    """
    tasks: list[asyncio.Task[Connection]] = []
    winner = None
    try:
        for attempt in attempts:
            tasks.append(asyncio.create_task(attempt()))
            is_last = len(tasks) == len(attempts)
            winner = await _winner(tasks, None if is_last else NEXT_ADDRESS_SECONDS)
            if winner is not None:
                return winner.result()
    finally:
        for task in tasks:
            if task is not winner:
                task.add_done_callback(_abort_late)
                task.cancel()
    raise tasks[0].exception() or OSError("not connected")


async def _winner(
    tasks: list[asyncio.Task[Connection]], patience: float | None
) -> asyncio.Task[Connection] | None:
    """A task that has connected. None: try the next beside it; without patience: all failed."""
    running = {task for task in tasks if not task.done()}
    while running:
        done, running = await asyncio.wait(
            running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            if task.exception() is None:
                return task
        if patience is not None:
            return None
    return None


def _abort_late(task: asyncio.Task[Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
