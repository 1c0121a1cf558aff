"""The smaller pure parts: states, endings, calls, memory, rate, responses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.protocol import ids, lifecycle
from chat.protocol.calls import check_calls
from chat.protocol.deltas import Usage
from chat.protocol.ending import ending
from chat.protocol.errors import BadRequest
from chat.protocol.events import encode_json, usage_object
from chat.protocol.items import unanswered_calls, user_message
from chat.protocol.memory import Answers, Memory
from chat.protocol.rate import TokenBucket

# --- states


def test_a_response_ends_once():
    assert {"completed", "incomplete", "cancelled", "failed"} == lifecycle.ENDED
    assert {"queued", "in_progress"} == lifecycle.LIVE
    assert not any(lifecycle.TRANSITIONS[each] for each in lifecycle.ENDED)


def test_every_live_state_leads_to_every_end_but_a_waiting_one_is_never_completed():
    ends = {"incomplete", "cancelled", "failed"}
    assert lifecycle.TRANSITIONS["queued"] == ends | {"in_progress"}
    assert lifecycle.TRANSITIONS["in_progress"] == ends | {"completed"}


def test_every_end_has_its_event():
    assert set(lifecycle.TERMINAL_EVENTS) == lifecycle.ENDED
    assert lifecycle.TERMINAL_EVENTS["cancelled"] == "response.incomplete"


ERROR = {"code": "upstream_cut", "message": "Try again."}


@pytest.mark.parametrize(
    ("stop", "error", "finish", "said", "status", "reason"),
    [
        (None, None, "stop", True, "completed", None),
        (None, None, None, True, "completed", None),
        (None, None, "tool_calls", True, "completed", None),
        (None, None, "length", True, "incomplete", "max_output_tokens"),
        (None, None, "content_filter", False, "incomplete", "content_filter"),
        (None, ERROR, None, False, "failed", None),
        (None, ERROR, "stop", True, "incomplete", "upstream_failed"),
        ("cancelled", None, None, True, "cancelled", "cancelled"),
        ("cancelled", ERROR, "stop", False, "cancelled", "cancelled"),
        ("steered", None, "stop", True, "incomplete", "steered"),
        ("interrupted", ERROR, None, True, "incomplete", "interrupted"),
    ],
)
def test_how_it_ends(stop: Any, error: Any, finish: Any, said: bool, status: str, reason: Any):
    found = ending(stop=stop, error=error, finish=finish, said=said, now=1.5)
    assert (found.status, found.reason) == (status, reason)
    assert found.ended_at == 1.5
    assert found.error == (error if stop is None else None)


# --- calls


def call(call_id: str, status: str = "completed") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "status": status}


def output(call_id: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": ""}


@given(
    st.lists(st.sampled_from("abc"), unique=True),
    st.lists(st.tuples(st.booleans(), st.sampled_from("abcd")), max_size=6),
)
def test_every_call_is_answered_and_every_answer_has_a_call(
    owed: list[str], given: list[tuple[bool, str]]
):
    items = [call(name) if is_call else output(name) for is_call, name in given]
    called = set(owed)
    homeless = False
    for is_call, name in given:
        if is_call:
            called.add(name)
        elif name not in called:
            homeless = True
    unanswered = set(owed) - {name for is_call, name in given if not is_call}
    if homeless or unanswered:
        with pytest.raises(BadRequest) as refusal:
            check_calls(owed, items)
        assert refusal.value.code in ("tool_call_not_found", "tool_output_missing")
        assert refusal.value.param == "input"
    else:
        check_calls(owed, items)


def test_messages_alone_answer_nothing():
    check_calls([], [user_message("Hello")])
    with pytest.raises(BadRequest) as refusal:
        check_calls(["a", "b"], [user_message("Hello"), output("a")])
    assert refusal.value.code == "tool_output_missing"
    assert "b" in refusal.value.message


def test_only_whole_calls_without_an_output_are_unanswered():
    items = [call("a"), call("b"), output("a"), call("c", "incomplete"), call("d")]
    assert list(unanswered_calls(items)) == ["b", "d"]


# --- memory


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 120), st.booleans())))
def test_memory_is_never_over_its_bound_and_forgets_the_least_used(
    steps: list[tuple[str, int, bool]],
):
    memory, known = Memory(300), {}
    for name, size, is_put in steps:
        if is_put:
            context = [user_message("x" * size)]
            known.pop(name, None)
            known[name] = context
            while sum(len(encode_json(each)) for each in known.values()) > 300:
                del known[next(iter(known))]
            memory.put(name, context)
        elif name in known:
            known[name] = known.pop(name)
            assert memory.get(name) == known[name]
        else:
            assert memory.get(name) is None
    for name in "abcdef":
        assert memory.get(name) == known.get(name)


def test_memory_forgets_what_it_is_told_to():
    memory = Memory(10_000)
    memory.put("a", [user_message("x")])
    memory.evict("a")
    memory.evict("a")
    assert memory.get("a") is None
    memory.put("a", [user_message("y")])
    assert memory.get("a") is not None


def test_what_is_larger_than_memory_is_not_kept():
    memory = Memory(100)
    memory.put("a", [user_message("x" * 200)])
    assert memory.get("a") is None


def test_memory_says_what_it_forgets_but_not_what_is_taken_out():
    forgotten: list[str] = []
    memory: Memory[str] = Memory(20, lambda name, thing: forgotten.append(f"{name}: {thing}"))
    memory.put("a", "first")
    memory.put("b", "second")
    assert memory.take("a") == "first"
    assert memory.take("a") is None
    memory.put("c", "x" * 15)
    memory.evict("c")
    assert forgotten == ["b: second", f"c: {'x' * 15}"]


def test_answers_are_found_by_the_frame_that_they_were_given_to_and_the_oldest_are_forgotten():
    answers: Answers[int] = Answers(2)
    answers.put(None, None, 0)
    for number, name in enumerate("abc"):
        answers.put(name, f"hash of {name}", number)
    assert answers.find(None, None) is None
    assert answers.find("a", "hash of a") is None
    assert answers.find("c", "hash of c") == answers.of("c") == 2
    with pytest.raises(BadRequest, match="event_id"):
        answers.find("c", "another hash")


# --- rate


def test_a_burst_at_once_and_then_so_many_a_second():
    bucket = TokenBucket(per_second=10, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait() == pytest.approx(0.1)
    assert not bucket.take(0.05)
    assert bucket.take(0.11)
    assert not bucket.take(0.11)


@given(st.floats(1, 100), st.integers(1, 50), st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_never_more_than_the_burst_and_the_rate(rate: float, burst: int, gaps: list[float]):
    bucket, now, taken = TokenBucket(per_second=rate, burst=burst, now=0), 0.0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now)
        assert taken <= burst + now * rate + 1e-6
        assert bucket.wait() >= 0


# --- usage and ids


def test_usage_is_upstreams_or_estimated_and_marked_so():
    counted = usage_object(Usage(7, 11, cached_tokens=3, reasoning_tokens=2), 400, 400)
    assert (counted["input_tokens"], counted["output_tokens"], counted["total_tokens"]) == (
        7, 11, 18,
    )  # fmt: skip
    assert counted["input_tokens_details"]["cached_tokens"] == 3
    assert counted["output_tokens_details"]["reasoning_tokens"] == 2
    assert "estimated" not in counted
    guessed = usage_object(None, 401, 0)
    assert (guessed["input_tokens"], guessed["output_tokens"], guessed["estimated"]) == (
        101, 0, True,
    )  # fmt: skip


def test_ids_tell_their_kind_and_are_never_alike():
    made = {ids.response_id() for _ in range(100)}
    assert len(made) == 100
    assert all(each.startswith("resp_") and len(each) <= ids.MAX_ID_CHARS for each in made)
