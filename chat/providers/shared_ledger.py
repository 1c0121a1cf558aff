"""A pool's memory, shared between processes through Redis.

Redis is a convenience here, as everywhere: while it is away or slow, each process goes by what it
knows itself. It is waited for once, for a tenth of a second; then a task of its own looks for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chat.providers.breaker import PROBE_SECONDS, Rules
from chat.providers.ledger import BUSY_SECONDS, Claim, LocalLedger, NoRoom, Verdict, Why
from chat.providers.ledger_script import CLAIM, KEPT_SECONDS, PLACE_SECONDS, SETTLE
from chat.providers.members import Candidate

logger = logging.getLogger(__name__)

PREFIX = "interject:pool:"
ASK_SECONDS = 0.1
LOOK_SECONDS = 5.0
RENEW_SECONDS = PLACE_SECONDS / 3
MAX_CONNECTIONS = 16

AWAY = (RedisError, OSError, TimeoutError)
Found = TypeVar("Found")
_json = msgspec.json.encode


class SharedLedger:
    """`url` names the Redis. `clock` gives seconds of the epoch, for the renewal of places."""

    def __init__(
        self,
        url: str,
        rules: Rules,
        clock: Callable[[], float],
        *,
        prefix: str = PREFIX,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self._own = LocalLedger(rules)
        self._rules = rules
        self._clock = clock
        self._prefix = prefix
        self._ask_seconds = ask_seconds
        # The defaults are limits that nobody chose: no time limit, and retries that add up.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=ask_seconds,
            socket_timeout=ask_seconds,
            socket_connect_timeout=ask_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._claim = self._redis.register_script(CLAIM)
        self._settle = self._redis.register_script(SETTLE)
        self._held: dict[str, str] = {}
        self._looking: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether Redis is there, as far as is known."""
        return self._looking is None

    async def claim(
        self, candidates: Sequence[Candidate], claim_id: str, now: float, *, resting: bool
    ) -> Claim | NoRoom:
        if not candidates:
            return NoRoom(0.0, Why.BUSY)
        said = await self._ask(
            lambda: self._claim(
                args=[
                    self._prefix, _json(candidates), claim_id, now, int(resting), PROBE_SECONDS,
                    BUSY_SECONDS, PLACE_SECONDS, KEPT_SECONDS,
                ]
            )
        )  # fmt: skip
        if said is None:
            return await self._own.claim(candidates, claim_id, now, resting=resting)
        place, *rest = said
        if not place:
            why, seconds = rest
            return NoRoom(float(seconds), Why(why.decode()))
        # Remembered here as well, for the time when Redis is away.
        own = self._own.take(candidates[place - 1], claim_id, now)
        self._hold(own)
        return own._replace(is_probe=bool(rest[0]))

    async def settle(
        self, claim: Claim, verdict: Verdict, now: float, *, release: bool = True
    ) -> bool:
        if release:
            self._held.pop(claim.id, None)
        opened = await self._own.settle(claim, verdict, now, release=release)
        rules = self._rules
        said = await self._ask(
            lambda: self._settle(
                args=[
                    self._prefix, _json(claim.candidate), claim.id, now, int(claim.is_probe),
                    int(release), verdict.outcome.value, verdict.limited_seconds,
                    verdict.key_seconds, verdict.member_seconds, rules.failures,
                    rules.window_seconds, rules.open_seconds, KEPT_SECONDS,
                ]
            )
        )  # fmt: skip
        return opened if said is None else bool(said)

    async def close(self) -> None:
        tasks = [task for task in (self._looking, self._renewing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(*AWAY):
            await self._redis.aclose()

    # --- Redis

    async def _ask(self, question: Callable[[], Awaitable[Found]]) -> Found | None:
        """None: Redis is away, as it was found just now or is known to be."""
        if not self.is_shared:
            return None
        try:
            async with asyncio.timeout(self._ask_seconds):
                return await question()
        except AWAY as error:
            if self.is_shared:
                logger.warning(
                    "Redis is away, each process chooses providers by itself: %s",
                    type(error).__name__,
                )
                self._looking = asyncio.create_task(self._look_for_it(), name="pool's Redis")
            return None

    async def _look_for_it(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(*AWAY):
                async with asyncio.timeout(self._ask_seconds):
                    await self._redis.execute_command("PING")  # type: ignore[no-untyped-call]
                logger.info("Redis is back, providers are chosen together")
                self._looking = None
                return

    def _hold(self, claim: Claim) -> None:
        if not claim.candidate.max_concurrent:
            return
        self._held[claim.id] = claim.candidate.key
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(), name="pool's places")

    async def _renew(self) -> None:
        """As long as places are held, say so; a Redis that has forgotten them hears of them."""
        while self._held:
            await asyncio.sleep(RENEW_SECONDS)
            await self._ask(self.renew_places)

    async def renew_places(self) -> list[Any]:
        until = self._clock() + PLACE_SECONDS
        async with self._redis.pipeline(transaction=False) as pipeline:
            for claim_id, key in self._held.items():
                places = f"{self._prefix}places:{key}"
                pipeline.zadd(places, {claim_id: until})
                pipeline.expire(places, KEPT_SECONDS)
            return await pipeline.execute()
