"""Stop means stop: upstream's connection is closed at once, at every stage, and nothing leaks."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chat.providers.base import Provider, TextDelta
from chat.providers.breaker import Rules
from chat.providers.ledger import LocalLedger
from chat.providers.members import Member
from chat.providers.pool import Pool
from chat.providers.retrying import Patience
from tests.gate import Gate
from tests.providers.conftest import both_apis
from tests.providers.reading import asking, hear
from tests.upstream import Upstream
from tests.upstream_responses import RESPONSES
from tests.upstream_script import (
    CHAT,
    HANG,
    Endlessly,
    Script,
    Speech,
    chunk,
    done,
    finish,
    refusal,
    tokens,
)

# The aim is 50 ms; a shared machine gets some more.


def stages(speech: Speech) -> dict[str, Script]:
    chunk = speech.chunk
    return {
        "before the headers": Script(before_head=[HANG]),
        "after the headers": Script([HANG]),
        "in the middle of a line": Script([chunk("a"), chunk("b")[:30], HANG]),
        "between two words": Script([chunk("a"), HANG]),
        "while words come": Script([Endlessly(chunk("a"), 0)]),
        "after the finish": Script([chunk("a"), speech.end[0], HANG]),
        "after the end": Script([chunk("a"), *speech.end, HANG]),
    }


STAGES = stages(CHAT)
each_stage = pytest.mark.parametrize("script", STAGES.values(), ids=STAGES.keys())
each_stage_of_both = pytest.mark.parametrize(
    ("speech", "script"),
    [(speech, script) for speech in (CHAT, RESPONSES) for script in stages(speech).values()],
    indirect=["speech"],
    ids=[f"{api}, {stage}" for api in ("chat", "responses") for stage in STAGES],
)


def is_said_before(script: Script) -> bool:
    return any(isinstance(step, bytes | Endlessly) for step in script.pieces)


@pytest.fixture(params=["alone", "in a pool"])
async def provider(request, provider_with) -> AsyncIterator[Provider]:
    """What holds for one upstream holds through a pool."""
    single = provider_with()
    if request.param == "alone":
        yield single
        return
    pool = Pool(
        [Member(name=single.name)], lambda *_: single, LocalLedger(Rules()), Patience(tries=1)
    )
    yield pool
    await pool.close()


async def read(provider, heard: Gate) -> None:
    async with provider.stream(asking()) as batches:
        async for _ in batches:
            heard.open()


async def started(provider, upstream: Upstream, script: Script) -> asyncio.Task[None]:
    """A task that reads an answer, and has come to where the script hangs."""
    upstream.script = script
    heard = Gate()
    task = asyncio.create_task(read(provider, heard))
    await upstream.request()
    if is_said_before(script):
        await heard.passed()
    return task


@each_stage_of_both
async def test_a_cancelled_task_closes_upstream_at_once(script, upstream, provider):
    task = await started(provider, upstream, script)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.requests[0].closed()
    assert upstream.open_streams == 0


@each_stage
async def test_a_task_that_is_cancelled_twice_closes_upstream_as_well(script, upstream, provider):
    for ticks in range(6):
        upstream.requests.clear()
        task = await started(provider, upstream, script)
        task.cancel()
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await upstream.requests[0].closed()


@pytest.mark.parametrize(
    "script", [STAGES["between two words"], STAGES["while words come"], STAGES["after the end"]]
)
async def test_leaving_the_context_closes_upstream_at_once(script, upstream, provider):
    upstream.script = script
    async with provider.stream(asking()) as batches:
        assert (await anext(batches))[0] == TextDelta("a")
    await (await upstream.request()).closed()


async def test_leaving_before_the_first_word_closes_upstream(upstream, provider):
    upstream.script = Script([HANG])
    async with provider.stream(asking()):
        pass
    await (await upstream.request()).closed()


async def test_an_error_of_the_readers_own_closes_upstream_and_stays_what_it_is(upstream, provider):
    upstream.script = Script([chunk("a"), HANG])

    def stumble() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await hear(provider, on_batch=stumble)
    await (await upstream.request()).closed()


async def test_leaving_while_another_task_reads_closes_upstream(upstream, provider):
    upstream.script = Script([chunk("a"), HANG])
    async with provider.stream(asking()) as batches:
        await anext(batches)
        reader = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait({reader})
    await (await upstream.request()).closed()


async def test_a_timeout_of_the_readers_own_is_not_taken_for_ours(upstream, provider):
    upstream.script = Script([chunk("a"), HANG])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(hear(provider), 0.2)
    await (await upstream.request()).closed()


async def test_a_cancelled_listing_of_models_closes_upstream(upstream, provider):
    upstream.scripts["/v1/models"] = Script([b"{", HANG])
    task = asyncio.create_task(provider.models())
    seen = await upstream.request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await seen.closed()


@both_apis
async def test_a_finished_answer_leaves_its_connection_to_the_next(upstream, provider, speech):
    upstream.script = speech.whole("a")
    for _ in range(3):
        assert (await hear(provider)).text == "a"
    assert upstream.connections == 1


async def test_a_connection_that_upstream_closed_meanwhile_is_not_used_again(upstream, provider):
    upstream.script = Script([chunk("a"), finish(), done()], headers={"connection": "close"})
    for _ in range(2):
        assert (await hear(provider)).text == "a"
    assert upstream.connections == 2


async def test_closing_the_provider_closes_idle_connections(upstream, provider):
    await hear(provider)
    assert upstream.requests[0].closed_at is None
    await provider.close()
    await upstream.requests[0].closed()


async def test_a_reader_that_stops_reading_holds_upstream(upstream, provider_with):
    """TCP holds the sender: nothing is read ahead beyond the buffers on the way."""
    upstream.script = Script([Endlessly(chunk("a" * 10_000), 0)])
    provider = provider_with(answer_chars=100_000_000)
    async with provider.stream(asking()) as batches:
        await anext(batches)
        seen = await upstream.request()
        sent = -1
        while sent < seen.bytes_sent:
            sent = seen.bytes_sent
            with pytest.raises(TimeoutError):
                await Gate().passed(0.3)
        assert sent < 32 * 1024 * 1024
        received = 0
        async for batch in batches:
            received += sum(len(delta.text) for delta in batch)
            if received > sent:
                break
    await seen.closed()


@pytest.mark.parametrize("speech", [RESPONSES], indirect=True)
async def test_2000_answers_stream_at_the_same_time(upstream, provider_with, speech):
    """More than the SDK's own client would open, and more than its pool. Both APIs share ours."""
    count = 2_000
    provider = provider_with(connect_seconds=60)
    all_there = Gate()
    upstream.script = speech.whole("a", "b", "c", gate=all_there)
    readers = [asyncio.create_task(hear(provider)) for _ in range(count)]
    await upstream.until(lambda: len(upstream.requests) == count, seconds=60)
    assert upstream.open_streams == count
    all_there.open()
    answers = await asyncio.gather(*readers)
    assert {answer.text for answer in answers} == {"abc"}
    await upstream.quiet()


@both_apis
async def test_many_answers_with_different_fates_do_not_disturb_each_other(upstream, provider):
    """A prompt is its own script; half of them are stopped in the middle."""
    upstream.scripts["refused"] = refusal(429, retry_after="1")
    told = [asyncio.create_task(hear(provider, f"say {n} tokens at 400/s")) for n in range(40)]
    refused = [asyncio.create_task(hear(provider, "refused")) for _ in range(10)]
    stopped = [asyncio.create_task(hear(provider, "say 9 tokens then hang")) for _ in range(40)]
    await upstream.until(lambda: len(upstream.requests) == 90)
    for task in stopped:
        task.cancel()
    assert [(await task).text for task in told] == ["".join(tokens(n)) for n in range(40)]
    for task in refused:
        error = (await task).error
        assert error is not None
        assert error.code == "rate_limit_exceeded"
    await asyncio.wait(stopped)
    await upstream.quiet()
