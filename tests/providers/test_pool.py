"""Several upstreams as one: who is asked, who takes over, and what they offer together."""

import asyncio
import random

import pytest

from chat.providers.base import ProviderError
from chat.providers.breaker import Rules
from chat.providers.choosing import candidates
from chat.providers.ledger import LocalLedger
from chat.providers.members import Member
from tests.providers.pooling import MUCH_LATER, ask, member, pool_of, prompts, then
from tests.upstream_script import CUT, HANG, RESET, Script, chunk, refusal, whole


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
