"""The demo: an ordinary provider without a model. It says what it is, at a steady pace.

Owns the pace. What is said is `demo_text`'s.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from chat.providers import failures
from chat.providers.base import (
    Delta,
    Finish,
    ModelRequest,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from chat.providers.demo_text import Plan, plan

MODEL = "demo"
WORDS_PER_SECOND = 30.0
# A prompt with the word `slow` in it is answered at a tenth of the pace.
SLOW_FACTOR = 0.1


class DemoProvider:
    """Says `words_per_second` words a second, each a delta; as many at once as are due."""

    name = "demo"

    def __init__(self, words_per_second: float = WORDS_PER_SECOND) -> None:
        self._words_per_second = words_per_second

    async def models(self) -> list[str]:
        return [MODEL]

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        said = plan(request.items, request.instructions)
        rate = self._words_per_second * (SLOW_FACTOR if said.slow else 1)
        async with aclosing(_say(said, rate, request.max_output_tokens)) as batches:
            yield batches

    async def close(self) -> None:
        """Nothing is kept open."""


async def _say(
    said: Plan, words_per_second: float, max_words: int | None
) -> AsyncGenerator[Sequence[Delta], None]:
    planned: list[Delta] = [ReasoningDelta(word) for word in said.reasoning]
    planned += [TextDelta(word) for word in said.text]
    deltas = planned[:max_words]
    loop = asyncio.get_running_loop()
    began = loop.time()
    spoken = 0
    while spoken < len(deltas):
        # By the clock since the beginning, not by sleeps: they would add up their lateness.
        await asyncio.sleep(max(0.0, began + spoken / words_per_second - loop.time()))
        due = int((loop.time() - began) * words_per_second) + 1
        batch = deltas[spoken : max(due, spoken + 1)]
        spoken += len(batch)
        yield batch
    if spoken < len(planned):
        yield _ending(said, spoken, "length")
    elif said.fails:
        raise _asked_to_fail()
    else:
        yield _ending(said, spoken, "stop")


def _ending(said: Plan, spoken: int, reason: str) -> list[Delta]:
    reasoning = min(len(said.reasoning), spoken)
    return [Usage(said.input_words, spoken, reasoning_tokens=reasoning), Finish(reason)]


def _asked_to_fail() -> ProviderError:
    return ProviderError(
        failures.SERVER_ERROR,
        "The demo failed because the prompt asked it to. Try again without the word “fail”.",
    )
