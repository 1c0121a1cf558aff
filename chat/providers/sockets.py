"""The sockets under the HTTP client that talks to upstream: asyncio's own, with nothing in between.

httpcore's usual backend (anyio) opens a cancel scope, pauses and resumes the transport and sets a
timer for every read: that was half of what reading a token cost. Here a read that finds bytes
returns them, and one that does not waits for a future. Must not know HTTP.
"""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

# What may wait unread in a connection. Beyond it TCP holds the sender.
MAX_UNREAD_BYTES = 128 * 1024
# As in RFC 8305: how long one address may take before the next is tried beside it.
NEXT_ADDRESS_SECONDS = 0.25


class _Inbox(asyncio.Protocol):
    """What has come in, and whether more can; wakes the one reader and the one writer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.unread = bytearray()
        self.ended = False
        self.failure: Exception | None = None
        self._held = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # streams are Transports

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if len(self.unread) > MAX_UNREAD_BYTES and not self._held and self.transport:
            self._held = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self.ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.failure = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._writer)

    async def read(self, max_bytes: int) -> bytes:
        """Up to so many bytes, as soon as there are any; empty at the end."""
        while not self.unread:
            if self.failure is not None:
                raise self.failure
            if self.ended:
                return b""
            self._reader = self._loop.create_future()
            await self._reader
        data = bytes(self.unread[:max_bytes])
        del self.unread[:max_bytes]
        if self._held and len(self.unread) < MAX_UNREAD_BYTES // 2 and self.transport:
            self._held = False
            self.transport.resume_reading()
        return data

    async def drained(self) -> None:
        """Returns when what was written has mostly left."""
        while self._full and not self.ended:
            self._writer = self._loop.create_future()
            await self._writer
        if self.failure is not None:
            raise self.failure


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class Connection(httpcore2.AsyncNetworkStream):
    """One connection, plain or TLS. `timeout` arguments are in seconds, None for no limit."""

    def __init__(self, inbox: _Inbox, transport: asyncio.Transport) -> None:
        self._inbox = inbox
        self._transport = transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            if timeout is None:
                return await self._inbox.read(max_bytes)
            async with asyncio.timeout(timeout):
                return await self._inbox.read(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if not buffer:
            return
        try:
            self._transport.write(buffer)
            async with asyncio.timeout(timeout):
                await self._inbox.drained()
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        # Not `close`: that would first send what upstream no longer needs to hear.
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> "Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self._inbox, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            self._transport.abort()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            self._transport.abort()
            raise
        if transport is None:
            raise httpcore2.ConnectError("the connection was lost during the TLS handshake")
        self._inbox.transport = transport
        return Connection(self._inbox, transport)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # Asked of idle connections: whatever came, they cannot be used again.
            return self._inbox.ended or bool(self._inbox.unread)
        names = {
            "ssl_object": "ssl_object",
            "client_addr": "sockname",
            "server_addr": "peername",
            "socket": "socket",
        }
        return self._transport.get_extra_info(names[info]) if info in names else None


class Sockets(httpcore2.AsyncNetworkBackend):
    """Opens connections on the running loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> Connection:
        loop = asyncio.get_running_loop()
        # uvloop tries the addresses one after another and does not know the option.
        options: dict[str, Any] = {}
        if isinstance(loop, asyncio.BaseEventLoop):
            options["happy_eyeballs_delay"] = NEXT_ADDRESS_SECONDS
        if local_address is not None:
            options["local_addr"] = (local_address, 0)
        try:
            async with asyncio.timeout(timeout):
                transport, inbox = await loop.create_connection(_Inbox, host, port, **options)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return Connection(inbox, transport)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
