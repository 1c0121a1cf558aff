"""How the `openai` client reaches upstream: connection limits, refusals, broken connections.

Owns the HTTP client under the SDK and turns whatever it raises into a `ProviderError`. Must not
know what is asked, nor what an answer looks like.
"""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any
from urllib.request import getproxies

import httpcore2
import httpx2

from chat.providers import failures, sockets, waiting
from chat.providers.base import Limits, ProviderError

# The SDK's own limit is 1,000, at which it stops without a word. A stream is a connection.
MAX_CONNECTIONS = 10_000
MAX_IDLE_CONNECTIONS = 100
# Below the 5 s after which common servers (uvicorn, Node) close an idle connection: a request that
# is sent just then is lost.
IDLE_SECONDS = 3.0
MAX_REFUSAL_BYTES = 64 * 1024
REFUSAL_SECONDS = 5.0

CORE_ERRORS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ProxyError,
)


def http_client(limits: Limits) -> httpx2.AsyncClient:
    """The client to put under the SDK. Reading has no time limit here: `watch` owns that one.

    Redirects are not followed: upstream could send us, and the key, wherever it likes.
    """
    timeout = httpx2.Timeout(None, connect=limits.connect_seconds, pool=limits.connect_seconds)
    hooks = {"response": [_raise_if_refused]}
    if {"http", "https", "all"} & getproxies().keys():
        # The environment names a proxy; httpx knows how to talk to one, our sockets do not.
        return httpx2.AsyncClient(
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            timeout=timeout,
            event_hooks=hooks,
        )
    return httpx2.AsyncClient(transport=Transport(), timeout=timeout, event_hooks=hooks)


class Transport(httpx2.AsyncBaseTransport):
    """httpcore's pool over our own sockets. What it raises are httpcore's errors, see `broken`."""

    def __init__(self) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=sockets.Sockets(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """The pool's stream as httpx wants it, without a generator of its own on the way."""

    def __init__(self, stream: Any) -> None:
        self._stream: AsyncIterable[bytes] = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]  # the pool's streams have it


async def _raise_if_refused(response: httpx2.Response) -> None:
    # Before the SDK sees it: it would read the body of a refusal to its end, however far that is.
    if not response.is_success:
        body = await _beginning(response)
        raise refusal(response.status_code, response.headers, body, time.time())


async def _beginning(response: httpx2.Response) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(REFUSAL_SECONDS):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) >= MAX_REFUSAL_BYTES:
                    break
    except (OSError, httpx2.HTTPError, *CORE_ERRORS):
        pass  # the status says enough
    return bytes(body[:MAX_REFUSAL_BYTES])


def refusal(status: int, headers: httpx2.Headers, body: bytes, now: float) -> ProviderError:
    """What an answer with a status other than success means. `now` is seconds since the epoch."""
    said, code = _message_and_code(body, headers.get("content-type", ""))
    wait = waiting.of_headers(headers, now)
    return failures.of_status(status, said, code=code, retry_after=wait)


def _message_and_code(body: bytes, content_type: str) -> tuple[str, str]:
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return (text if content_type.startswith("text/plain") else ""), ""
    if isinstance(found, list) and found:
        found = found[0]  # Gemini wraps its error in a list
    if not isinstance(found, dict):
        return "", ""
    report = found.get("error")
    if isinstance(report, str):
        return report, ""
    return failures.message_and_code(report if isinstance(report, dict) else found)


def broken(error: Exception) -> ProviderError:
    """What an exception of the SDK, httpx, httpcore or a socket means."""
    chain = list(_causes(error))
    names = {type(each).__name__ for each in chain}
    if "PoolTimeout" in names:
        return failures.unreachable("too many answers are streaming at once")
    if names & {"ConnectTimeout"}:
        return failures.unreachable("it did not accept the connection in time")
    if names & {
        "ConnectError",
        "ProxyError",
        "UnsupportedProtocol",
        "InvalidURL",
        "LocalProtocolError",
    }:
        return failures.unreachable(_why_no_connection(chain))
    if names & {"UnicodeEncodeError"}:
        return failures.invalid_prompt("The prompt holds characters that are none. Leave them out.")
    if names & {"RemoteProtocolError"}:
        ended = any("disconnected" in str(each) or "closed" in str(each) for each in chain)
        return failures.cut() if ended else failures.unreadable("not HTTP")
    if names & {"ReadError", "WriteError", "ReadTimeout", "WriteTimeout"} or any(
        isinstance(each, OSError) for each in chain
    ):
        return failures.cut()
    return failures.unreadable(type(error).__name__)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:
        yield error
        error = error.__cause__ or error.__context__
        seen += 1


def _why_no_connection(chain: list[BaseException]) -> str:
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return "its certificate is not trusted"
        if isinstance(each, socket.gaierror):
            return "its name is not known"
        if isinstance(each, ConnectionRefusedError):
            return "it refuses connections"
    return "no connection"
