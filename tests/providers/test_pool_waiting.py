"""What a pool waits for before it asks once more, what it does not, and who is told to wait."""

import asyncio

import pytest

from tests.gate import Gate
from tests.providers.pooling import MUCH_LATER, SOON, ask, member, pool_of, prompts, then
from tests.upstream_script import RESET, Script, refusal, whole


async def test_a_wait_of_a_second_is_waited_for(alone, first, time):
    first.script = then(SOON, whole("now"))
    told = await ask(alone)
    assert (told.text, told.error) == ("now", None)
    assert time.waits == [pytest.approx(1.0)]


@pytest.mark.parametrize("said", ["0", None])
async def test_where_no_wait_is_named_there_is_one_all_the_same(alone, first, time, said):
    named = {"retry_after": said} if said else {}
    first.script = refusal(429, **named)
    assert (await ask(alone)).code == "rate_limit_exceeded"
    assert sum(time.waits) >= 0.75


async def test_a_wait_of_minutes_is_answered_at_once_and_says_how_long(alone, first, time):
    first.script = MUCH_LATER
    told = await ask(alone)
    assert (told.code, time.waits, prompts(first)) == ("rate_limit_exceeded", [], 1)
    assert "try again in 3m 20s" in told.error.message
    time.now += 80
    told = await ask(alone)
    assert "try again in 2m 0s" in told.error.message
    assert prompts(first) == 1, "it was told when to come again"


async def test_a_limit_of_one_model_is_none_of_another(alone, first):
    first.script = MUCH_LATER
    first.scripts["other-model"] = whole("free")
    await ask(alone)
    assert (await ask(alone, "other-model")).text == "free"


async def test_failures_are_tried_again_ever_later_and_not_for_ever(alone, first, time):
    first.script = refusal(500)
    told = await ask(alone)
    assert (told.code, prompts(first)) == ("server_error", 4)
    assert time.waits == [0.125, 0.25, 0.5]


async def test_a_failure_that_passes_is_not_seen(alone, first):
    first.script = then(refusal(500), Script(before_head=[RESET]), whole("well"))
    assert (await ask(alone)).text == "well"


async def test_no_try_begins_when_the_time_for_them_is_over(first, time):
    def slowly(_):
        time.now += 100
        return refusal(500)

    first.script = slowly
    pool = pool_of(member("first", first), time=time, total_seconds=150)
    assert (await ask(pool)).code == "server_error"
    assert prompts(first) == 2
    await pool.close()


async def test_a_stop_while_it_waits_for_another_try_acts_at_once(first, time):
    waits = Gate("the wait")

    async def for_ever(_: float) -> None:
        waits.open()
        await asyncio.Event().wait()

    first.script = SOON
    pool = pool_of(member("first", first), time=time)
    pool.sleep = for_ever
    asked = asyncio.create_task(ask(pool))
    await waits.passed()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (prompts(first), first.open_streams) == (1, 0)
    await pool.close()
