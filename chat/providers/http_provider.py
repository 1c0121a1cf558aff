"""A provider that asks a server over HTTP, by the `openai` client: what all of its kind share.

Owns one answer's way from the request to the closed connection, and its limits in time. Must not
know which API is spoken: who inherits words the request, and says what bytes mean.

The SDK's own reading of streams is not used: it costs three times as much a token, takes a cut
stream for a complete one and a web page for an empty answer. Its request, with its authentication,
is, by `post`: the methods that name each parameter copy them field by field, which held the loop
for 0.6 s in a conversation of 2,000 items, and cost a third more in a short one. The body is read
raw. Nothing is retried here.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
from openai import AsyncOpenAI, AsyncStream, Omit

from chat.providers import failures
from chat.providers.base import Delta, Limits, ModelRequest, ProviderError
from chat.providers.loose_json import loads
from chat.providers.streamed_answer import StreamedAnswer
from chat.providers.surrogates import keepable
from chat.providers.upstream_http import broken, http_client
from chat.providers.watch import Watch

OPENAI_BASE_URL = "https://api.openai.com/v1"
# Usage comes after the finish reason, if it comes.
USAGE_SECONDS = 5.0
# After [DONE] only the end of the body is missing; with it the connection can be used again.
DRAIN_SECONDS = 0.1
MODELS_SECONDS = 20.0
MAX_MODELS_BYTES = 8 * 1024 * 1024

OPENAI_HOSTS = (".api.openai.com", ".openai.azure.com")

Body = dict[str, Any]
_Stream = AsyncStream[object]


def is_openai(base_url: str) -> bool:
    """Whether the address is OpenAI's own API, or Azure's of it."""
    host = urlsplit(base_url).hostname or ""
    return f".{host}".endswith(OPENAI_HOSTS)


class HttpProvider(ABC):
    """One upstream. `base_url` is OpenAI's own if empty; without `api_key` no key is sent.

    `path`: where answers are asked for, below the address.
    """

    path: str

    def __init__(
        self,
        *,
        base_url: str = "",
        api_key: str = "",
        limits: Limits | None = None,
        name: str,
    ) -> None:
        self.name = name
        self._key = api_key
        self._limits = limits or Limits()
        base_url = base_url or OPENAI_BASE_URL
        self._is_openai = is_openai(base_url)
        # Compression would hold tokens back until a block is full.
        self._headers: dict[str, str | Omit] = {"Accept-Encoding": "identity"}
        if not api_key:
            self._headers["Authorization"] = Omit()
        self._client = AsyncOpenAI(
            api_key=api_key or "none",
            base_url=base_url,
            max_retries=0,
            http_client=http_client(base_url, self._limits),
        )

    @abstractmethod
    def _wording(self, request: ModelRequest) -> Body:
        """The body to send. Raises `ProviderError` for what cannot be asked."""

    @abstractmethod
    def _answer(self, request: ModelRequest) -> StreamedAnswer:
        """What takes the bytes."""

    async def models(self) -> list[str]:
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                return await self._ask_models()
        except ProviderError as error:
            raise failures.without_secret(error, self._key) from None
        except TimeoutError:
            raise failures.unreachable("it did not list its models in time") from None
        except Exception as error:
            raise broken(error) from error

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        asked = self._wording(request)
        watch = Watch(self._limits.total_seconds)
        try:
            response = await self._open(asked, watch)
            batches = self._batches(response, self._answer(request), watch)
            try:
                yield batches
            finally:
                # Here and not in the generator, which may not be closed while it is being read.
                await response.aclose()
                await batches.aclose()
        finally:
            watch.stop()

    async def close(self) -> None:
        await self._client.close()

    async def _ask_models(self) -> list[str]:
        listing = self._client.models.with_streaming_response.list(extra_headers=self._headers)
        async with listing as response:
            pieces = response.http_response.aiter_bytes()
            async with aclosing(_joined(pieces, MAX_MODELS_BYTES)) as contents:
                content = await anext(contents)
        try:
            found = loads(content)
        except (ValueError, RecursionError):
            raise failures.not_a_stream() from None
        entries = found.get("data") if isinstance(found, dict) else found
        ids = [each.get("id") for each in entries or () if isinstance(each, dict)]
        names = [each for each in ids if isinstance(each, str) and each]
        # One that must be mended is not the one that upstream would know.
        return [each for each in names if each == keepable(each)]

    async def _open(self, asked: Body, watch: Watch) -> httpx2.Response:
        """Send the request; return when the headers are there. Whatever fails closes upstream."""
        try:
            watch.start(self._limits.first_delta_seconds)
            stream = await self._client.post(
                self.path,
                body=asked,
                cast_to=object,
                stream=True,
                stream_cls=_Stream,
                options={"headers": self._headers},
            )
            return stream.response
        except asyncio.CancelledError:
            if watch.claims():
                raise self._late(watch, None) from None
            raise
        except ProviderError as error:
            raise failures.without_secret(error, self._key) from None
        except Exception as error:
            raise broken(error) from error
        finally:
            watch.pause()

    async def _batches(
        self, response: httpx2.Response, answer: StreamedAnswer, watch: Watch
    ) -> AsyncGenerator[Sequence[Delta], None]:
        whole = response.headers.get("content-type", "").startswith("application/json")
        take = answer.feed_whole if whole else answer.feed
        silence_seconds = self._limits.silence_seconds
        silence = None
        failure = None
        try:
            async with aclosing(
                self._pieces(response, answer.line_bytes if whole else 0)
            ) as pieces:
                watch.start()
                async for piece in pieces:
                    batch = take(piece)
                    if batch:
                        silence = silence_seconds
                        watch.pause()
                        yield batch
                    if answer.failure:
                        break
                    if answer.finished:
                        watch.end_within(DRAIN_SECONDS if answer.done else USAGE_SECONDS)
                    if batch or answer.stirred:
                        # Pings and empty chunks do not come here: they are no life.
                        patience = self._limits.first_delta_seconds
                        if silence is not None:
                            silence = patience if answer.is_thinking else silence_seconds
                        watch.start(silence or patience)
        except (asyncio.CancelledError, Exception) as error:
            failure = self._failure_of(error, watch, silence)
        watch.pause()
        rest = answer.end(failure)
        if rest:
            yield rest
        if answer.failure:
            raise failures.without_secret(answer.failure, self._key)

    def _pieces(self, http: httpx2.Response, whole_bytes: int) -> AsyncGenerator[bytes, None]:
        """What is read; one piece, of no more than `whole_bytes`, unless that is 0."""
        # Raw unless it was compressed although we asked for it not to be. httpx's own way to raw
        # bytes counts and cuts them again, which costs 5 µs a token.
        pieces = http.aiter_bytes() if "content-encoding" in http.headers else _raw(http)
        return _joined(pieces, whole_bytes) if whole_bytes else pieces

    def _failure_of(
        self, error: BaseException, watch: Watch, silence: float | None
    ) -> ProviderError:
        """What ended the reading. A cancellation from outside goes on its way."""
        if isinstance(error, asyncio.CancelledError):
            if not watch.claims():
                raise error
            return self._late(watch, silence)
        if isinstance(error, TimeoutError):
            return failures.total_time(self._limits.total_seconds)
        if isinstance(error, ProviderError):
            return error
        assert isinstance(error, Exception)
        failure = broken(error)
        failure.__cause__ = error
        return failure

    def _late(self, watch: Watch, silence: float | None) -> ProviderError:
        """`silence`: the seconds for which it could be silent; None before its first word."""
        if watch.over_all:
            return failures.total_time(self._limits.total_seconds)
        if silence is not None:
            return failures.silence(silence)
        return failures.no_first_delta(self._limits.first_delta_seconds)


async def _raw(http: httpx2.Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(http.stream, httpx2.AsyncByteStream)
    async for piece in http.stream:
        yield piece


async def _joined(
    pieces: AsyncGenerator[bytes, None], max_bytes: int
) -> AsyncGenerator[bytes, None]:
    """One piece of all, for what makes sense only whole."""
    joined = bytearray()
    async with aclosing(pieces):
        async for piece in pieces:
            joined += piece
            if len(joined) > max_bytes:
                raise failures.line_too_long(max_bytes)
    yield bytes(joined)
