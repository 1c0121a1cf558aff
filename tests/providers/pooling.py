"""Pools for the tests: over real upstreams, with a clock that only their own waits move."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from chat.protocol.deltas import ProviderChosen
from chat.providers.base import Limits, Provider, ProviderError, TextDelta
from chat.providers.breaker import Rules
from chat.providers.chat_completions import ChatCompletionsProvider
from chat.providers.ledger import Ledger, LocalLedger
from chat.providers.members import Key, Member
from chat.providers.pool import Pool
from chat.providers.retrying import Patience
from tests.providers.reading import asking
from tests.upstream import Upstream
from tests.upstream_script import Script, refusal

BEGAN = 1_790_000_000.0
SOON = refusal(429, retry_after="1")
MUCH_LATER = refusal(429, retry_after="200")


class Time:
    """`now` goes on as somebody waits, and nobody does. `waits` are all that there were."""

    def __init__(self) -> None:
        self.now = BEGAN
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def member(name: str, upstream: Upstream, keys: Sequence[str] = ("key",), **fields: Any) -> Member:
    return Member(
        name=name,
        base_url=upstream.base_url,
        keys=[Key(key, f"sk-{key}") for key in keys],
        **fields,
    )


def provider_of(member: Member, secret: str) -> Provider:
    limits = member.limits(Limits())
    return ChatCompletionsProvider(
        base_url=member.base_url, api_key=secret, limits=limits, name=member.name
    )


def pool_of(
    *members: Member,
    time: Time,
    ledger: Ledger | None = None,
    rules: Rules | None = None,
    **patience: Any,
) -> Pool:
    """Its dice always show 0, so that order is the members' own."""
    return Pool(
        members,
        provider_of,
        ledger or LocalLedger(rules or Rules()),
        Patience(**patience),
        clock=time.clock,
        sleep=time.sleep,
        dice=lambda: 0.0,
    )


class Told:
    """What came of one prompt: who answered what, whom it was taken over from, and the failure."""

    def __init__(self) -> None:
        self.text = ""
        self.by: list[str] = []
        self.switches: list[tuple[str, str, str]] = []
        self.error: ProviderError | None = None

    @property
    def code(self) -> str | None:
        return self.error.code if self.error else None


async def ask(pool: Pool, model: str = "test-model", **request: Any) -> Told:
    told = Told()
    try:
        async with pool.stream(asking(model=model, **request)) as batches:
            async for batch in batches:
                for delta in batch:
                    match delta:
                        case TextDelta(text=text):
                            told.text += text
                        case ProviderChosen(name=name, before=before, reason=reason):
                            told.by.append(name)
                            if before is not None:
                                told.switches.append((before, name, reason or ""))
    except ProviderError as error:
        told.error = error
    return told


def then(*scripts: Script) -> Callable[[Any], Script]:
    """Each request is answered by the next of the scripts, the last one for ever."""
    waiting = list(scripts)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def prompts(upstream: Upstream) -> int:
    return len(upstream.requests)
