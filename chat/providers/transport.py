"""HTTP/1.1 under the SDK's client: requests on our own sockets, and connections used again.

Owns the connections to one upstream. Heads are written and read by h11, bodies by `http_body`.
httpx would do all of this; but its pool looks at every connection whenever one is taken or given
back (4 ms a start with 1,000 streams), and each of its layers is paid for with every token: reading
one cost more than twice as much. Must not know what is asked or answered.
"""

import asyncio
from collections.abc import AsyncGenerator

import h11
import httpx2

from chat.providers import sockets
from chat.providers.http_body import BadFraming, Framing, framing_of
from chat.providers.sockets import Connection

# A stream is a connection. (The SDK's own client stops without a word at 1,000.)
MAX_CONNECTIONS = 10_000
MAX_IDLE_CONNECTIONS = 100
# Below the 5 s after which common servers (uvicorn, Node) close an idle connection: a request that
# is sent just then is lost.
IDLE_SECONDS = 3.0
MAX_HEAD_BYTES = 100 * 1024


class Transport(httpx2.AsyncBaseTransport):
    """`secure`: whether upstream is reached by TLS. Raises httpx's exceptions."""

    def __init__(self, *, secure: bool) -> None:
        # Loading the trusted certificates takes 0.1 s: once, and only where they are needed.
        self._tls = httpx2.create_ssl_context() if secure else None
        self._open: set[Connection] = set()
        self._idle: dict[Connection, asyncio.TimerHandle] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        connection = self._take_idle() or await self._connect(request)
        try:
            head, rest = await _exchange(connection, request)
        except BaseException:
            self.drop(connection)
            raise
        raw = head.headers.raw_items()
        headers = httpx2.Headers(raw)
        framing = framing_of(head.status_code, headers)
        keep = head.http_version == b"1.1" and "close" not in headers.get("connection", "").lower()
        return httpx2.Response(
            head.status_code,
            headers=raw,
            stream=Body(self, connection, framing, rest, keep),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        for connection in list(self._open):
            self.drop(connection)
        await asyncio.sleep(0)  # aborted sockets are closed in the loop's next turn

    def release(self, connection: Connection) -> None:
        """The connection can serve another request; until then it idles for a while."""
        if len(self._idle) >= MAX_IDLE_CONNECTIONS or not connection.is_quiet:
            self.drop(connection)
            return
        loop = asyncio.get_running_loop()
        self._idle[connection] = loop.call_later(IDLE_SECONDS, self.drop, connection)

    def drop(self, connection: Connection) -> None:
        """Close it at once."""
        timer = self._idle.pop(connection, None)
        if timer is not None:
            timer.cancel()
        self._open.discard(connection)
        connection.abort()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.is_quiet:
                return connection
            self.drop(connection)
        return None

    async def _connect(self, request: httpx2.Request) -> Connection:
        if len(self._open) >= MAX_CONNECTIONS:
            raise httpx2.PoolTimeout(f"{MAX_CONNECTIONS} connections are open")
        url = request.url
        seconds = request.extensions.get("timeout", {}).get("connect")
        tls = self._tls if url.scheme == "https" else None
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            connection = await sockets.connect(url.raw_host.decode("ascii"), port, tls, seconds)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        self._open.add(connection)
        return connection


class Body(httpx2.AsyncByteStream):
    """The body of one answer. Closed before its end, it closes the connection; else it frees it."""

    def __init__(
        self,
        transport: Transport,
        connection: Connection,
        framing: Framing,
        beginning: bytes,
        keep: bool,
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._framing = framing
        self._beginning = beginning
        self._keep = keep
        self._is_closed = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        framing = self._framing
        data = self._beginning
        try:
            while True:
                piece = framing.feed(data)
                if piece:
                    yield piece
                if framing.ended:
                    return
                data = await self._connection.read()
                if not data:
                    break
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error
        except BadFraming as error:
            raise httpx2.RemoteProtocolError(str(error)) from error
        if not framing.end_of_input():
            raise httpx2.RemoteProtocolError("the peer closed the connection in mid body")

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._framing.ended and not self._framing.excess and self._keep:
            self._transport.release(self._connection)
        else:
            self._transport.drop(self._connection)


async def _exchange(connection: Connection, request: httpx2.Request) -> tuple[h11.Response, bytes]:
    """Send the request; return the answer's head, and what came of its body with it."""
    assert isinstance(request.stream, httpx2.AsyncByteStream)
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    body = b"".join([part async for part in request.stream])
    asked = h11.Request(
        method=request.method, target=request.url.raw_path, headers=request.headers.raw
    )
    try:
        parts = [protocol.send(each) for each in (asked, h11.Data(data=body), h11.EndOfMessage())]
        await connection.write(b"".join(part for part in parts if part))
        while True:
            event = protocol.next_event()
            if isinstance(event, h11.Response):
                return event, protocol.trailing_data[0]
            if event is h11.NEED_DATA:
                protocol.receive_data(await _read_head(connection))
    except h11.LocalProtocolError as error:
        raise httpx2.LocalProtocolError(str(error)) from error
    except h11.RemoteProtocolError as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise httpx2.ReadError(str(error)) from error


async def _read_head(connection: Connection) -> bytes:
    data = await connection.read()
    if not data:
        raise httpx2.RemoteProtocolError("the peer closed the connection without an answer")
    return data
