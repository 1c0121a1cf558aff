"""How the `openai` client reaches upstream: its HTTP client, refusals, broken connections.

Owns what is under the SDK, and turns whatever it raises into a `ProviderError`. Must not know what
is asked, nor what an answer looks like.
"""

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.request import getproxies

import httpx2

from chat.providers import failures, reports, waiting
from chat.providers.base import Limits, ProviderError
from chat.providers.transport import (
    IDLE_SECONDS,
    MAX_CONNECTIONS,
    MAX_IDLE_CONNECTIONS,
    Transport,
)

logger = logging.getLogger(__name__)

MAX_REFUSAL_BYTES = 64 * 1024
REFUSAL_SECONDS = 5.0


def http_client(base_url: str, limits: Limits) -> httpx2.AsyncClient:
    """The client to put under the SDK. Reading has no time limit here: `watch` owns that one.

    Redirects are not followed: upstream could send us, and the key, wherever it likes.
    """
    timeout = httpx2.Timeout(None, connect=limits.connect_seconds, pool=limits.connect_seconds)
    hooks = {"response": [_raise_if_refused]}
    if {"http", "https", "all"} & getproxies().keys():
        # The environment names a proxy; httpx knows how to talk to one, our transport does not.
        return httpx2.AsyncClient(
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            timeout=timeout,
            event_hooks=hooks,
        )
    transport = Transport(secure=base_url.lower().startswith("https"))
    return httpx2.AsyncClient(transport=transport, timeout=timeout, event_hooks=hooks)


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
    except (OSError, httpx2.HTTPError):
        pass  # the status says enough
    return bytes(body[:MAX_REFUSAL_BYTES])


def refusal(status: int, headers: httpx2.Headers, body: bytes, now: float) -> ProviderError:
    """What an answer with a status other than success means. `now` is seconds since the epoch."""
    said, code = _message_and_code(body, headers.get("content-type", ""))
    wait = waiting.of_headers(headers, now)
    return reports.of_status(status, said, code=code, retry_after=wait)


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
    return reports.message_and_code(report if isinstance(report, dict) else found)


NO_CONNECTION = {
    "ConnectError",
    "InvalidURL",
    "LocalProtocolError",
    "ProxyError",
    "UnsupportedProtocol",
}
CUT = {"ReadError", "ReadTimeout", "WriteError", "WriteTimeout"}


def broken(error: Exception) -> ProviderError:
    """What an exception of the SDK, of httpx or of a socket means."""
    chain = list(_causes(error))
    names = {type(each).__name__ for each in chain}
    if "PoolTimeout" in names:
        return failures.unreachable("too many answers are streaming at once")
    if "ConnectTimeout" in names:
        return failures.unreachable("it did not accept the connection in time")
    if names & NO_CONNECTION:
        return failures.unreachable(_why_no_connection(chain))
    if "UnicodeEncodeError" in names:
        return failures.invalid_prompt("The prompt holds characters that are none. Leave them out.")
    if "RemoteProtocolError" in names:
        ended = any("disconnected" in str(each) or "closed" in str(each) for each in chain)
        return failures.cut() if ended else failures.unreadable("not HTTP")
    if names & CUT or any(isinstance(each, OSError) for each in chain):
        return failures.cut()
    logger.error("Upstream failed in a way that is not known", exc_info=error)
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
