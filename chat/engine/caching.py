"""A provider that looks into the cache first, and keeps there what is worth it.

Owns who uses the cache. It is an aid and nothing more: whatever goes wrong with it, upstream is
asked. Two who ask the same at the same time may both ask upstream; the later answer is kept.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from chat.database import Pool
from chat.engine import cached_answers
from chat.protocol.deltas import ProviderChosen
from chat.protocol.events import CACHE_HIT, CACHE_MISS, ResponseInfo, cache_wish
from chat.providers import cache_key, kept_answer
from chat.providers.base import Delta, ModelRequest, Provider
from chat.providers.kept_answer import KeptAnswer, Recording

logger = logging.getLogger(__name__)

# Upstream takes about as long to begin.
LOOK_SECONDS = 0.5
EVERYONE = "everyone"
EVERY_MODEL = "*"

Spawn = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]
Batches = AsyncIterator[Sequence[Delta]]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Who uses the cache. `scope`: `user`, each user their own answers; or `everyone`.

    `models` use it where the prompt does not say. An answer is given again for `seconds`, and kept
    up to `answer_bytes`.
    """

    scope: str
    models: frozenset[str]
    seconds: float
    answer_bytes: int

    def applies(self, info: ResponseInfo) -> bool:
        wish = cache_wish(info)
        if wish is None:
            return EVERY_MODEL in self.models or info.model in self.models
        return wish and info.store


class Caching:
    """`policy` None: nobody uses it. `spawn` has work done that a drain waits for."""

    def __init__(self, pool: Pool, policy: Policy | None, spawn: Spawn) -> None:
        self.policy = policy
        self._pool = pool
        self._spawn = spawn

    def before(self, provider: Provider, info: ResponseInfo) -> Provider:
        """Who is to be asked for a response: the provider itself where no cache is used."""
        if self.policy is None or not self.policy.applies(info):
            return provider
        return _Cached(provider, self, self.policy, info.id)

    async def find(self, policy: Policy, key: str, response_id: str) -> KeptAnswer | None:
        """What is kept, if it is found soon enough."""
        looking = self._spawn(self._find(policy, key, response_id))
        # Not `timeout`: what is cancelled has to be waited for, and may hang on a dead Postgres.
        done, _ = await asyncio.wait({looking}, timeout=LOOK_SECONDS)
        if done:
            found: KeptAnswer | None = looking.result()
            return found
        logger.warning("The cache is too slow: upstream is asked")
        looking.cancel()
        return None

    def keep(self, policy: Policy, key: str, response_id: str, answer: KeptAnswer) -> None:
        """Keep it, beside everything else."""
        self._spawn(self._keep(policy, key, response_id, answer))

    async def _find(self, policy: Policy, key: str, response_id: str) -> KeptAnswer | None:
        try:
            everyone = policy.scope == EVERYONE
            text = await cached_answers.find(
                self._pool, key, response_id, policy.seconds, everyone=everyone
            )
            return kept_answer.decode(text) if text is not None else None
        except Exception as error:
            logger.warning("The cache cannot be used, upstream is asked: %s", error)
            return None

    async def _keep(self, policy: Policy, key: str, response_id: str, answer: KeptAnswer) -> None:
        try:
            text = kept_answer.encode(answer)
            if len(text.encode()) <= policy.answer_bytes:
                await cached_answers.keep(self._pool, key, response_id, text)
        except Exception as error:
            logger.warning("An answer was not kept in the cache: %s", error)


class _Cached:
    """The provider of one response."""

    def __init__(
        self, provider: Provider, caching: Caching, policy: Policy, response_id: str
    ) -> None:
        self.name = provider.name
        self._provider = provider
        self._caching = caching
        self._policy = policy
        self._response_id = response_id

    async def models(self) -> list[str]:
        return await self._provider.models()

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[Batches]:
        key = self._key(request)
        found = None
        if key is not None:
            found = await self._caching.find(self._policy, key, self._response_id)
        if found is not None:
            async with aclosing(_said_again(found)) as batches:
                yield batches
            return
        async with self._provider.stream(request) as batches:
            recording = Recording(self.name, self._policy.answer_bytes)
            yield _Recorded(batches, recording, lambda answer: self._keep(key, answer))

    async def close(self) -> None:
        """The provider is not this response's alone."""

    def _key(self, request: ModelRequest) -> str | None:
        try:
            return cache_key.key_of(request, self._policy.scope)
        except (TypeError, ValueError, RecursionError) as error:
            logger.warning("A prompt has no key in the cache: %s", error)
            return None

    def _keep(self, key: str | None, answer: KeptAnswer | None) -> None:
        if key is not None and answer is not None:
            self._caching.keep(self._policy, key, self._response_id, answer)


async def _said_again(answer: KeptAnswer) -> AsyncGenerator[Sequence[Delta], None]:
    yield [ProviderChosen(answer.provider, cache=CACHE_HIT)]
    for piece in kept_answer.pieces(answer):
        yield piece


class _Recorded:
    """Batches as they come, taken down; `at_end` is handed what came of it at their own end only.

    No generator: one could not be closed while it is being read.
    """

    def __init__(
        self,
        batches: Batches,
        recording: Recording,
        at_end: Callable[[KeptAnswer | None], None],
    ) -> None:
        self._batches = batches
        self._recording = recording
        self._at_end = at_end
        self._has_begun = False

    def __aiter__(self) -> "_Recorded":
        return self

    async def __anext__(self) -> Sequence[Delta]:
        if not self._has_begun:
            self._has_begun = True
            return [ProviderChosen(self._recording.provider, cache=CACHE_MISS)]
        try:
            batch = await anext(self._batches)
        except StopAsyncIteration:
            self._at_end(self._recording.answer())
            raise
        self._recording.take(batch)
        return batch
