"""What counts as silence where a model may work for long and say nothing, and how much is too much.

The clock jumps to whatever is due next: no test waits, and every limit is exact. So upstream is not
behind a socket here, whose bytes would be late by that clock.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import httpx2
import pytest

from chat.providers import http_provider
from chat.providers.base import Limits
from chat.providers.responses import ResponsesProvider
from tests.hasty_loop import in_no_time
from tests.providers.reading import Heard, hear
from tests.upstream_responses import added, chunk, completed, ended, event, message, reasoning
from tests.upstream_script import HANG, Endlessly, Step, ping

LIMITS = Limits(first_delta_seconds=100, silence_seconds=10, total_seconds=1000)
THINKING = added({**reasoning(index=1), "status": "in_progress"}, 1)
SEARCHING = event("response.web_search_call.searching", output_index=1, item_id="ws_1")


class Said(httpx2.AsyncByteStream):
    """The body of an answer: the steps of a script."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for step in self._steps:
            if isinstance(step, bytes):
                yield step
            elif isinstance(step, Endlessly):
                while True:
                    yield step.piece
                    await asyncio.sleep(step.seconds)
            else:
                await asyncio.Event().wait()


async def heard_of(steps: Sequence[Step], limits: Limits = LIMITS) -> tuple[Heard, float]:
    """The answer of these steps, and the seconds that it took by the loop's clock."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Said(steps)))
    client = httpx2.AsyncClient(transport=transport, timeout=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_provider, "http_client", lambda *_: client)
        provider = ResponsesProvider(base_url="http://upstream", api_key="k", limits=limits)
    began = asyncio.get_running_loop().time()
    heard = await hear(provider)
    await provider.close()
    return heard, asyncio.get_running_loop().time() - began


@pytest.fixture(scope="module", autouse=True)
def acquainted() -> None:
    """The SDK asks the system for its name once, in a thread: this clock would not wait."""
    asyncio.run(heard_of([completed()]))


def ends_after(*steps: Step, limits: Limits = LIMITS) -> tuple[Heard, float]:
    return in_no_time(heard_of(steps, limits))


SILENCES = {
    "after a word": ([chunk("a"), HANG], 10),
    "after an item": ([chunk("a"), ended(message("a")), HANG], 10),
    "while it thinks": ([chunk("a"), ended(message("a")), THINKING, HANG], 100),
    "when it has thought": (
        [chunk("a"), ended(message("a")), THINKING, ended(reasoning(index=1), 1), HANG], 10
    ),
    "pings": ([chunk("a"), Endlessly(ping(), 1)], 10),
    "empty deltas": ([chunk("a"), Endlessly(chunk(""), 1)], 10),
    "keepalives": ([chunk("a"), Endlessly(event("keepalive"), 1)], 10),
    "before the first word": ([Endlessly(event("keepalive"), 1)], 100),
    "work without words": ([chunk("a"), Endlessly(SEARCHING, 5)], 1000),
    "words that wait for their turn": ([chunk("a"), Endlessly(chunk("b", 1), 5)], 1000),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "seconds"), SILENCES.values(), ids=SILENCES.keys())
def test_a_silence_ends_the_answer_when_it_is_one(steps, seconds):
    heard, took = ends_after(*steps)
    assert heard.error is not None
    assert heard.error.code == "upstream_timeout"
    assert seconds <= took < seconds + 2
    assert f"{seconds} s" in heard.error.message


def test_a_line_as_long_as_the_answer_may_be_is_read():
    text = "é" * 9_000
    small = Limits(line_bytes=1_000, answer_chars=10_000)
    heard, _ = ends_after(chunk(text), ended(message(text)), completed(message(text)), limits=small)
    assert (heard.text, heard.error) == (text, None)


@pytest.mark.parametrize(
    "steps",
    [
        [chunk("a"), b"data: ", Endlessly(b"x" * 100_000, 0)],
        [b'data: {"type": "response.output_text.delta", "delta": "' + b"x" * 100_000_000],
    ],
    ids=["without end", "100 MB"],
)
def test_a_longer_line_ends_the_answer(steps):
    small = Limits(line_bytes=1_000, answer_chars=10_000)
    heard, _ = ends_after(*steps, limits=small)
    assert heard.error is not None
    assert (heard.error.code, "81,000 bytes" in heard.error.message) == ("upstream_protocol", True)


def another(item: dict[str, str]) -> bytes:
    """An item that is done, with neither a place nor an id by which it would be known again."""
    return event("response.output_item.done", item=item)


OVER = {
    "words": Endlessly(chunk("0123456789"), 0),
    "words that wait": Endlessly(chunk("0123456789", 1), 0),
    "whole items": Endlessly(another({"type": "dream", "depth": "0123456789"}), 0),
    "sealed reasoning": Endlessly(another({"type": "reasoning", "encrypted_content": "0123"}), 0),
}


@pytest.mark.parametrize("step", OVER.values(), ids=OVER.keys())
def test_an_answer_over_the_limit_ends_whatever_it_is_made_of(step):
    limits = Limits(answer_chars=95)
    heard, _ = ends_after(chunk("a"), step, limits=limits)
    assert heard.error is not None
    assert heard.error.code == "answer_too_large"
    assert heard.text[:1] == "a"
