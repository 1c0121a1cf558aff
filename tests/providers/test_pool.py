"""Several upstreams as one: who is asked, who takes over, what is waited for, and what is not."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from chat.providers.base import ProviderError
from chat.providers.breaker import Rules
from chat.providers.choosing import candidates
from chat.providers.ledger import LocalLedger
from chat.providers.members import Member
from chat.providers.pool import Pool
from tests.gate import Gate
from tests.providers.pooling import Time, ask, member, pool_of
from tests.providers.reading import asking
from tests.upstream import Upstream
from tests.upstream_script import CUT, HANG, RESET, Script, chunk, refusal, whole

SOON = refusal(429, retry_after="1")
MUCH_LATER = refusal(429, retry_after="200")


@pytest.fixture
async def first() -> AsyncIterator[Upstream]:
    async with Upstream(whole("from the first")) as running:
        yield running


@pytest.fixture
async def second() -> AsyncIterator[Upstream]:
    async with Upstream(whole("from the second")) as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def alone(first: Upstream, time: Time) -> AsyncIterator[Pool]:
    """A pool of one."""
    pool = pool_of(member("first", first), time=time)
    yield pool
    await pool.close()


@pytest.fixture
async def pair(first: Upstream, second: Upstream, time: Time) -> AsyncIterator[Pool]:
    """The second is asked when the first cannot be."""
    pool = pool_of(member("first", first), member("second", second, priority=2), time=time)
    yield pool
    await pool.close()


def then(*scripts: Script):
    """Each request is answered by the next of the scripts, the last one for ever."""
    waiting = list(scripts)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def prompts(upstream: Upstream) -> int:
    return len(upstream.requests)


# --- taking over


async def test_the_first_in_the_order_of_priority_answers(pair, second):
    told = await ask(pair)
    assert (told.text, told.by, told.switches) == ("from the first", ["first"], [])
    assert prompts(second) == 0


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (refusal(500), "server_error"),
        (refusal(503), "server_error"),
        (MUCH_LATER, "rate_limit_exceeded"),
        (refusal(429, code="insufficient_quota"), "rate_limit_exceeded"),
        (refusal(401), "upstream_auth"),
        (refusal(402), "upstream_auth"),
        (refusal(404, "no such model"), "model_not_found"),
        (Script(before_head=[RESET]), "upstream_cut"),
        (Script([CUT]), "upstream_cut"),
        (Script([b"<html>"], content_type="text/html"), "upstream_protocol"),
    ],
    ids=["500", "503", "429", "quota", "401", "402", "404", "reset", "cut", "a web page"],
)
async def test_another_takes_over_at_once_before_the_first_word(script, reason, pair, first, time):
    first.script = script
    told = await ask(pair)
    assert (told.text, told.error) == ("from the second", None)
    assert told.switches == [("first", "second", reason)]
    assert (prompts(first), time.waits) == (1, [])


async def test_another_takes_over_from_one_that_cannot_be_reached(pair, first):
    await first.stop()
    assert (await ask(pair)).switches == [("first", "second", "upstream_unreachable")]
    await first.start()


async def test_another_takes_over_from_one_that_does_not_begin(first, second, time):
    first.script = Script(before_head=[HANG])
    slow = member("first", first, given_limits={"first_delta_seconds": 0.05})
    pool = pool_of(slow, member("second", second, priority=2), time=time)
    told = await ask(pool)
    assert told.switches == [("first", "second", "upstream_timeout")]
    await first.requests[0].closed()
    await pool.close()


async def test_what_another_try_cannot_help_is_not_tried(pair, first, second):
    for script, code in (
        (refusal(400, "too strange"), "invalid_prompt"),
        (refusal(400, "maximum context length"), "context_length_exceeded"),
    ):
        first.script = script
        assert (await ask(pair)).code == code
    assert (prompts(first), prompts(second)) == (2, 0)


async def test_what_one_has_no_words_for_another_may_say(pair, first, second):
    """Chat Completions cannot name a file by its id, and another API can."""
    file = {"type": "input_file", "file_id": "file-1"}
    told = await ask(pair, items=[{"type": "message", "role": "user", "content": [file]}])
    assert told.switches == [("first", "second", "invalid_prompt")]
    assert (prompts(first), prompts(second)) == (0, 0)


async def test_after_the_first_word_nobody_takes_over(pair, first, second, time):
    first.script = Script([chunk("Half "), CUT])
    told = await ask(pair)
    assert (told.text, told.code) == ("Half ", "upstream_cut")
    assert (prompts(first), prompts(second), time.waits) == (1, 0, [])


async def test_one_that_failed_is_asked_last_for_a_while(pair, first, time):
    first.script = then(refusal(500), whole("well again"))
    assert (await ask(pair)).by == ["first", "second"]
    assert (await ask(pair)).by == ["second"]
    time.now += 10
    assert (await ask(pair)).text == "well again"


async def test_a_model_that_one_does_not_offer_is_asked_of_another(first, second, time):
    pool = pool_of(
        member("first", first, models={"large": "large"}),
        member("second", second, priority=2, models={"small": "their-small-2026"}),
        time=time,
    )
    assert (await ask(pool, "small")).by == ["second"]
    assert second.requests[0].json["model"] == "their-small-2026"
    assert (await ask(pool, "none")).code == "model_not_found"
    await pool.close()


# --- keys


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


# --- waiting


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


# --- limits


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


# --- the circuit

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


# --- what is counted


async def test_an_operator_finds_who_failed_in_the_log_and_in_the_counts(pair, first, caplog):
    first.script = refusal(500)
    await ask(pair)
    assert "first/key failed: server_error (500)" in caplog.text
    assert "sk-" not in caplog.text
    assert pair.counts == {
        ("first", "was asked"): 1,
        ("first", "failed"): 1,
        ("second", "was asked"): 1,
        ("second", "took over"): 1,
    }


# --- models


async def test_all_that_the_members_have_is_offered_the_first_ones_first(first, second, time):
    first.models, second.models = ["b", "a"], ["c", "b"]
    pool = pool_of(
        member("second", second, priority=2), member("first", first, priority=1), time=time
    )
    assert await pool.models() == ["b", "a", "c"]
    await pool.close()


async def test_a_dead_member_keeps_no_other_from_being_offered(pair, first, second):
    await first.stop()
    second.models = ["alive"]
    assert await pair.models() == ["alive"]
    assert not pair.all_have_listed
    await second.stop()
    with pytest.raises(ProviderError):
        await pair.models()
    await first.start()
    await second.start()


async def test_what_is_configured_needs_not_be_asked_for(first, second, time):
    await first.stop()
    pool = pool_of(member("first", first), member("second", second, models={"x": "x"}), time=time)
    assert await pool.models() == ["x"]
    assert prompts(second) == 0
    await pool.close()
    await first.start()


async def test_a_pool_of_one_bears_its_name_and_says_no_more_of_it(alone):
    assert alone.name == "first"
    assert (await ask(alone)).by == []


def test_weights_are_shares_among_equals_and_nothing_beside_a_priority():
    members = [
        Member(name="light", weight=1),
        Member(name="heavy", weight=9),
        Member(name="last", priority=2, weight=1_000),
    ]
    dice = random.Random(1).random
    orders = [[c.member for c in candidates(members, "model", dice)] for _ in range(1_000)]
    assert 870 < sum(order[0] == "heavy" for order in orders) < 930
    assert all(order[-1] == "last" for order in orders)


async def test_nothing_is_remembered_of_what_was_only_stopped(first, time):
    first.script = Script(before_head=[HANG])
    ledger = LocalLedger(Rules(failures=1))
    pool = pool_of(member("first", first), time=time, ledger=ledger)
    asked = asyncio.create_task(ask(pool))
    await first.request()
    asked.cancel()
    await asyncio.wait({asked})
    first.script = whole("fine")
    assert (await ask(pool)).text == "fine"
    await pool.close()
