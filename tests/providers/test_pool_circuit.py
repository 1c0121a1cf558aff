"""A member that fails too often is left alone, then tried by one prompt."""

import asyncio

from chat.providers.breaker import Rules
from tests.gate import Gate
from tests.providers.pooling import ask, member, pool_of, prompts
from tests.upstream_script import Script, refusal, whole

RULES = Rules(failures=2, window_seconds=30, open_seconds=20)


async def test_one_that_fails_too_often_is_left_alone_then_tried_by_one(first, second, time):
    first.script = refusal(500)
    pool = pool_of(
        member("first", first), member("second", second, priority=2), time=time, rules=RULES
    )
    for _ in range(2):
        assert (await ask(pool)).by == ["first", "second"]
        time.now += 11
    assert (await ask(pool)).by == ["second"]
    time.now += 20
    gate = Gate()
    first.script = Script(before_head=[gate], pieces=whole("well again").pieces)
    probe = asyncio.create_task(ask(pool))
    await first.request(2)
    assert (await ask(pool)).by == ["second"], "one probe at a time"
    gate.open()
    assert (await probe).text == "well again"
    assert (await ask(pool)).by == ["first"]
    await pool.close()


async def test_a_probe_that_fails_leaves_it_alone_once_more(first, second, time):
    first.script = refusal(500)
    pool = pool_of(
        member("first", first), member("second", second, priority=2), time=time, rules=RULES
    )
    for _ in range(2):
        await ask(pool)
        time.now += 11
    time.now += 20
    assert (await ask(pool)).by == ["first", "second"]
    time.now += 11
    assert (await ask(pool)).by == ["second"]
    assert prompts(first) == 3
    await pool.close()


async def test_where_all_are_left_alone_it_is_said_at_once(first, time):
    first.script = refusal(500)
    pool = pool_of(member("first", first), time=time, rules=RULES, tries=2)
    assert (await ask(pool)).code == "server_error"
    told = await ask(pool)
    assert (told.code, prompts(first)) == ("server_error", 2)
    assert "try again in 20s" in told.error.message
    await pool.close()
