"""However an answer is cut into deltas, and whenever it is taken, it comes to the same items."""

import copy
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import Delta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from tests.protocol.strategies import beats, deltas, output_of, run, statuses, without_ids


@given(deltas, statuses, beats)
def test_any_beat_gives_the_same_items(said: list[Delta], status: str, beats: random.Random):
    assert without_ids(output_of(run(said, status, beats))) == without_ids(
        output_of(run(said, status))
    )


@given(deltas, statuses, st.data())
def test_any_cut_of_a_text_gives_the_same_items(said: list[Delta], status: str, data: Any):
    pieces: list[Delta] = []
    for delta in said:
        if isinstance(delta, TextDelta | ReasoningDelta | RefusalDelta):
            cut = data.draw(st.integers(0, len(delta.text)))
            pieces += [type(delta)(delta.text[:cut]), type(delta)(delta.text[cut:])]
        else:
            pieces.append(delta)
    assert without_ids(output_of(run(pieces, status))) == without_ids(output_of(run(said, status)))


@given(deltas, statuses, beats)
def test_nothing_that_was_said_is_lost_doubled_or_reordered(
    said: list[Delta], status: str, beats: random.Random
):
    items = output_of(run(said, status, beats))
    for kind, wanted in ((TextDelta, "text"), (RefusalDelta, "refusal")):
        told = "".join(each.text for each in said if isinstance(each, kind))
        shown = "".join(part.get(wanted, "") for part in parts(items, "content"))
        assert shown == told
    thought = "".join(each.text for each in said if isinstance(each, ReasoningDelta))
    assert "".join(part["text"] for part in parts(items, "summary")) == thought
    for index in range(3):
        fragments = [e for e in said if isinstance(e, ToolCallDelta) and e.index == index]
        arguments = "".join(each.arguments for each in fragments)
        if fragments:
            assert arguments in [item.get("arguments") for item in items]


def parts(items: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [part for item in items for part in item.get(name, [])]


@given(deltas, statuses, beats)
def test_items_and_parts_open_once_close_once_and_one_at_a_time(
    said: list[Delta], status: str, beats: random.Random
):
    open_item: dict[str, Any] | None = None
    open_part: tuple[str, int] | None = None
    closed, said_of_part = 0, ""
    for event in run(said, status, beats):
        kind = event["type"]
        assert event["output_index"] == closed
        if kind == "response.output_item.added":
            assert open_item is None
            open_item, indexes = event["item"], 0
            assert open_item["status"] == "in_progress"
            continue
        assert open_item is not None
        if kind == "response.output_item.done":
            assert open_part is None
            assert event["item"]["id"] == open_item["id"]
            open_item, closed = None, closed + 1
            continue
        assert event["item_id"] == open_item["id"]
        place = index_of(event)
        if kind.endswith("part.added"):
            assert open_part is None
            assert place == indexes
            open_part, said_of_part = (event["part"]["type"], place), ""
        elif kind.endswith("part.done"):
            assert open_part == (event["part"]["type"], place)
            open_part, indexes = None, indexes + 1
        elif kind.endswith(".delta"):
            assert event["delta"]
            said_of_part += event["delta"]
            assert open_item["type"] == "function_call" or open_part is not None
        elif kind.endswith(("text.done", "refusal.done")):
            assert event.get("text", event.get("refusal")) == said_of_part
    assert (open_item, open_part) == (None, None)


def index_of(event: dict[str, Any]) -> int | None:
    return event.get("content_index", event.get("summary_index"))


@given(deltas, statuses)
def test_only_the_last_item_is_incomplete_and_calls_that_were_cut_with_it(
    said: list[Delta], status: str
):
    *others, last = output_of(run(said, status)) or [{"status": status}]
    assert last["status"] == status
    assert all(item["status"] == "completed" for item in others if not was_cut(item, status))


def was_cut(item: dict[str, Any], status: str) -> bool:
    """The fragments of these calls are no JSON: where the answer was cut, so was each call."""
    return status == "incomplete" and item["type"] == "function_call"


@given(deltas, beats)
def test_what_was_taken_is_not_changed_afterwards(said: list[Delta], beats: random.Random):
    coalescer = Coalescer()
    taken, copies = [], []
    for delta in said:
        coalescer.feed([delta])
        if beats.random() < 0.5:
            events = coalescer.take()
            taken.append(events)
            copies.append(copy.deepcopy(events))
    coalescer.close("completed")
    coalescer.take()
    assert taken == copies


@given(deltas, beats)
def test_between_two_beats_a_part_has_one_delta(said: list[Delta], beats: random.Random):
    coalescer = Coalescer()
    for delta in said:
        coalescer.feed([delta])
        if beats.random() < 0.3:
            places = [
                (each["item_id"], index_of(each))
                for each in coalescer.take()
                if each["type"].endswith(".delta")
            ]
            assert len(places) == len(set(places))


@given(deltas)
def test_chars_are_those_that_were_said(said: list[Delta]):
    coalescer = Coalescer()
    coalescer.feed(said)
    coalescer.close("completed")
    assert coalescer.chars == sum(
        len(each.arguments if isinstance(each, ToolCallDelta) else getattr(each, "text", ""))
        for each in said
    )
