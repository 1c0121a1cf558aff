"""Every limit of an answer is ours: in time, in the size of a line, in the size of the whole.

Limits are set to a fraction of a second; what should not be ended by them lasts longer than they.
"""

import asyncio
import time

import pytest

from tests.gate import Gate
from tests.providers.reading import asking, hear
from tests.upstream_script import (
    HANG,
    Endlessly,
    Every,
    Script,
    chunk,
    delta,
    done,
    finish,
    ping,
    think,
    usage,
)

LIMIT = 0.3
SECONDS = 20  # Less than what the provider would wait for without a limit of its own.
PINGS = Endlessly(ping())
EMPTY = Endlessly(delta(content=""))


async def failing(provider, code: str) -> tuple[str, str, float]:
    """What was said before the failure, its message, and after how many seconds it came."""
    began = time.monotonic()
    heard = await hear(provider)
    assert heard.error is not None
    assert heard.error.code == code
    return heard.text, heard.error.message, time.monotonic() - began


@pytest.mark.parametrize(
    "script",
    [
        Script(before_head=[HANG]),
        Script([HANG]),
        Script([PINGS]),
        Script([EMPTY]),
        Script([delta(role="assistant", content=""), HANG]),
        Script([b"HTTP/1.1 200 OK\r\nx-slow: ", Endlessly(b"x")], raw=True),
        Script([b"data: ", Endlessly(b"x")]),
    ],
    ids=["no headers", "no body", "pings", "empty chunks", "a role", "slow headers", "slow line"],
)
async def test_an_answer_that_does_not_begin_ends(script, upstream, provider_with):
    upstream.script = script
    provider = provider_with(first_delta_seconds=LIMIT)
    _, message, seconds = await failing(provider, "upstream_timeout")
    assert "did not begin" in message
    assert seconds >= LIMIT
    await (await upstream.request()).closed()


@pytest.mark.parametrize("rest", [HANG, PINGS, EMPTY], ids=["nothing", "pings", "empty chunks"])
async def test_an_answer_that_falls_silent_ends(rest, upstream, provider_with):
    upstream.script = Script([chunk("a"), rest])
    provider = provider_with(silence_seconds=LIMIT)
    said, message, seconds = await failing(provider, "upstream_timeout")
    assert said == "a"
    assert "fell silent" in message
    assert seconds >= LIMIT
    await (await upstream.request()).closed()


async def test_a_slow_answer_is_not_a_silent_one(upstream, provider_with):
    upstream.script = Script([Every(20, [chunk("a")] * 10), finish(), done()])
    heard = await hear(provider_with(silence_seconds=LIMIT, first_delta_seconds=LIMIT))
    assert heard.text == "a" * 10


async def test_reasoning_is_no_silence(upstream, provider_with):
    upstream.script = Script([Every(20, [think("a")] * 10), chunk("b"), finish(), done()])
    heard = await hear(provider_with(silence_seconds=LIMIT))
    assert (heard.reasoning, heard.text) == ("a" * 10, "b")


async def test_an_answer_that_takes_too_long_ends(upstream, provider_with):
    upstream.script = Script([Endlessly(chunk("a"))])
    said, message, seconds = await failing(provider_with(total_seconds=LIMIT), "upstream_timeout")
    assert set(said) == {"a"}
    assert "took longer" in message
    assert seconds >= LIMIT
    await (await upstream.request()).closed()


async def test_the_total_time_counts_before_the_first_word_too(upstream, provider_with):
    upstream.script = Script(before_head=[HANG])
    _, message, _ = await failing(provider_with(total_seconds=LIMIT), "upstream_timeout")
    assert "took longer" in message


async def test_a_reader_that_pauses_is_not_a_silent_upstream(upstream, provider_with):
    """When Postgres stalls, reading stops; upstream must not be blamed for that."""
    paused, more = Gate(), Gate()
    upstream.script = Script([chunk("a"), more, chunk("b"), finish(), done()])
    said = ""
    async with provider_with(silence_seconds=LIMIT).stream(asking()) as batches:
        async for batch in batches:
            said += "".join(getattr(delta, "text", "") for delta in batch)
            if said == "a":
                with pytest.raises(TimeoutError):
                    await paused.passed(LIMIT * 2)
                more.open()
    assert said == "ab"


async def test_a_reader_that_pauses_does_not_stop_the_clock_of_the_whole(upstream, provider_with):
    more = Gate()
    upstream.script = Script([chunk("a"), more, chunk("b"), finish(), done()])
    provider = provider_with(total_seconds=LIMIT)

    def pause() -> None:
        time.sleep(LIMIT * 1.5)
        more.open()

    heard = await hear(provider, on_batch=pause)
    assert heard.text == "a"
    assert heard.error is not None
    assert "took longer" in heard.error.message


async def test_a_line_over_the_limit_ends_the_answer(upstream, provider_with):
    upstream.script = Script([chunk("a"), b"data: ", Endlessly(b"x" * 10_000, 0)])
    said, message, _ = await failing(provider_with(line_bytes=100_000), "upstream_protocol")
    assert said == "a"
    assert "100,000 bytes" in message
    await (await upstream.request()).closed()


@pytest.mark.parametrize("said", [chunk, think, lambda text: delta(refusal=text)])
async def test_an_answer_over_the_limit_ends_and_keeps_what_fits(said, upstream, provider_with):
    upstream.script = Script([Endlessly(said("0123456789"), 0)])
    heard = await hear(provider_with(answer_chars=95))
    assert heard.error is not None
    assert heard.error.code == "answer_too_large"
    assert heard.text + heard.reasoning + heard.refusal == "0123456789" * 9
    await (await upstream.request()).closed()


async def test_the_arguments_of_calls_count_as_well(upstream, provider_with):
    fragment = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "0123456789"}}
    upstream.script = Script([Endlessly(delta(tool_calls=[fragment]), 0)])
    heard = await hear(provider_with(answer_chars=95))
    assert heard.error is not None
    assert heard.error.code == "answer_too_large"


async def test_an_answer_of_exactly_the_limit_is_whole(upstream, provider_with):
    upstream.script = Script([chunk("a" * 100), finish(), done()])
    assert (await hear(provider_with(answer_chars=100))).text == "a" * 100


async def test_usage_may_come_late_but_is_not_waited_for_without_end(
    upstream, provider_with, monkeypatch
):
    monkeypatch.setattr("chat.providers.http_provider.USAGE_SECONDS", LIMIT)
    late = Gate()
    upstream.script = Script([chunk("a"), finish(), late, usage(), done()])
    provider = provider_with()

    heard = await hear(provider, on_batch=late.open)
    assert heard.usage is not None

    for rest in (HANG, PINGS):
        upstream.script = Script([chunk("a"), finish(), rest])
        async with asyncio.timeout(SECONDS):
            heard = await hear(provider)
        assert (heard.text, heard.finish, heard.error) == ("a", "stop", None)
    await upstream.quiet()


async def test_what_stays_open_after_done_is_not_waited_for(upstream, provider):
    upstream.script = Script([chunk("a"), finish(), done(), HANG])
    async with asyncio.timeout(SECONDS):
        assert (await hear(provider)).text == "a"
    await (await upstream.request()).closed()
