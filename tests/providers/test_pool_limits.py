"""A pool of keys: which takes over, how many answers at once, how many in a minute."""

import asyncio

import pytest

from tests.gate import Gate
from tests.providers.pooling import MUCH_LATER, ask, member, pool_of, prompts, then
from tests.providers.reading import asking
from tests.upstream_script import HANG, Script, chunk, refusal, whole


async def test_another_key_takes_over_unseen(first, time):
    """Who answers is the same provider."""
    first.script = lambda seen: (
        MUCH_LATER if seen.headers["authorization"] == "Bearer sk-one" else whole("by the other")
    )
    pool = pool_of(member("first", first, keys=["one", "two"]), time=time)
    told = await ask(pool)
    assert (told.text, told.switches, time.waits) == ("by the other", [], [])
    assert (await ask(pool)).text == "by the other"
    assert prompts(first) == 3
    await pool.close()


async def test_a_refused_key_is_left_out_for_a_while(first, time):
    first.script = lambda seen: (
        refusal(401) if seen.headers["authorization"] == "Bearer sk-one" else whole("welcome")
    )
    pool = pool_of(member("first", first, keys=["one", "two"]), time=time)
    assert [(await ask(pool)).text for _ in range(3)] == ["welcome"] * 3
    assert prompts(first) == 4
    time.now += 301
    await ask(pool)
    assert prompts(first) == 6
    await pool.close()


async def test_the_only_key_is_asked_once_and_again_with_the_next_prompt(alone, first):
    """The operator may have paid meanwhile."""
    first.script = then(refusal(402), whole("paid"))
    assert (await ask(alone)).code == "upstream_auth"
    assert (await ask(alone)).text == "paid"


async def test_a_key_answers_no_more_at_once_than_it_may(first, time):
    gate = Gate()
    first.script = then(whole("one ", "after another", gate=gate), whole("next"))
    pool = pool_of(member("first", first, max_concurrent=1), time=time)
    running = asyncio.create_task(ask(pool))
    await first.request()
    assert (await ask(pool)).code == "rate_limit_exceeded"
    assert sum(time.waits) == pytest.approx(5, abs=0.3)
    gate.open()
    assert (await running).text == "one after another"
    assert (await ask(pool)).text == "next"
    await pool.close()


async def test_a_full_key_leaves_its_prompts_to_the_next(first, second, time):
    first.script = Script([chunk("a"), HANG])
    pool = pool_of(
        member("first", first, max_concurrent=1), member("second", second, priority=2), time=time
    )
    async with pool.stream(asking()) as batches:
        await anext(batches)
        assert (await ask(pool)).by == ["second"]
    assert first.requests[0].prompt
    await pool.close()


async def test_a_stopped_answer_gives_its_place_back(first, time):
    first.script = then(Script([chunk("a"), HANG]), whole("free again"))
    pool = pool_of(member("first", first, max_concurrent=1), time=time)
    async with pool.stream(asking()) as batches:
        await anext(batches)
    assert (await ask(pool)).text == "free again"
    await pool.close()


async def test_a_key_is_asked_no_more_often_in_a_minute_than_it_may(first, time):
    pool = pool_of(member("first", first, requests_per_minute=2), time=time)
    await ask(pool)
    time.now += 20
    await ask(pool)
    told = await ask(pool)
    assert (told.code, prompts(first)) == ("rate_limit_exceeded", 2)
    assert "try again in 40s" in told.error.message
    time.now += 40
    assert (await ask(pool)).error is None
    await pool.close()
