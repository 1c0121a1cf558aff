"""Many deltas become few events, and items: which, in what order, and how they end."""

from typing import Any

import pytest

from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import (
    Annotation,
    Citation,
    Delta,
    ItemEnd,
    Logprobs,
    PartEnd,
    Phase,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    WholeItem,
)
from tests.protocol.strategies import output_of, run


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [each["type"].removeprefix("response.") for each in events]


@pytest.mark.parametrize("last", [TextDelta("And."), ToolCallDelta(1, None, None, "2}")])
def test_a_call_that_was_cut_among_others_is_not_complete(last: Delta):
    said = [
        ToolCallDelta(0, "c0", "look", '{"a":'),
        ToolCallDelta(1, "c1", "walk", '{"b":'),
        ToolCallDelta(2, "c2", "look", '{"c":3}'),
        last,
    ]
    cut = {item.get("call_id"): item["status"] for item in output_of(run(said, "incomplete"))}
    assert cut["c0"] == "incomplete"
    assert list(cut.values())[-1] == "incomplete"
    if isinstance(last, TextDelta):
        assert (cut["c1"], cut["c2"]) == ("incomplete", "completed")
    else:
        assert cut["c1"] == "completed"
    assert {item["status"] for item in output_of(run(said, "completed"))} == {"completed"}


def test_many_small_events_are_pressure():
    coalescer = Coalescer()
    for _ in range(1_000):
        coalescer.feed([ReasoningDelta("a"), TextDelta("b")])
    assert coalescer.pending_chars > 1_000_000
    assert len(coalescer.take()) > 10_000
    assert coalescer.pending_chars == 0


@pytest.mark.parametrize("late", [TextDelta("abc"), ToolCallDelta(1, None, None, "abc")])
def test_what_waits_for_a_calls_end_is_pressure_while_something_can_be_taken(late: Delta):
    coalescer = Coalescer()
    coalescer.feed([ToolCallDelta(0, "c0", "look", "{"), *[late] * 1_000])
    assert coalescer.pending_chars > 200_000
    coalescer.take()
    coalescer.feed([late] * 1_000)
    # Nobody would take it out, and who waits for room would wait for ever.
    assert not coalescer.has_events
    assert coalescer.pending_chars == 0


def test_nothing_said_leaves_no_trace():
    coalescer = Coalescer()
    coalescer.feed([TextDelta(""), ReasoningDelta("")])
    assert not coalescer.said
    assert not coalescer.has_events
    coalescer.close("completed")
    assert coalescer.take() == []
    assert coalescer.output == []


def test_an_item_is_opened_with_its_first_delta():
    coalescer = Coalescer()
    coalescer.feed([TextDelta("One "), TextDelta("two")])
    assert kinds(coalescer.take()) == [
        "output_item.added", "content_part.added", "output_text.delta",
    ]  # fmt: skip
    coalescer.feed([TextDelta(" three")])
    assert kinds(coalescer.take()) == ["output_text.delta"]
    coalescer.close("completed")
    assert kinds(coalescer.take()) == [
        "output_text.done", "content_part.done", "output_item.done",
    ]  # fmt: skip


def test_reasoning_text_and_refusal_are_two_items_and_three_parts():
    events = run([ReasoningDelta("Hm."), TextDelta("No."), RefusalDelta("Never.")], "completed")
    reasoning, message = output_of(events)
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_calls_that_upstream_interleaves_come_one_after_another():
    said = [
        ToolCallDelta(0, "c0", "look", '{"a'),
        ToolCallDelta(1, "c1", "walk", '{"b'),
        ToolCallDelta(0, None, None, '":1}'),
        TextDelta("Meanwhile."),
        ToolCallDelta(1, None, None, '":2}'),
    ]
    first, second, text = output_of(run(said, "completed"))
    assert (first["call_id"], first["name"], first["arguments"]) == ("c0", "look", '{"a":1}')
    assert (second["call_id"], second["name"], second["arguments"]) == ("c1", "walk", '{"b":2}')
    assert text["content"][0]["text"] == "Meanwhile."


def test_a_name_that_comes_late_is_the_calls_name():
    said = [ToolCallDelta(0, "c0", None, "{"), ToolCallDelta(0, None, "look", "}")]
    (call,) = output_of(run(said, "completed"))
    assert call["name"] == "look"


def test_a_call_id_that_is_missing_or_too_long_is_minted_anew():
    said = [ToolCallDelta(0, None, "look", "{}"), ToolCallDelta(1, "c" * 65, "look", "{}")]
    minted = [item["call_id"] for item in output_of(run(said, "completed"))]
    assert len(set(minted)) == 2
    assert all(0 < len(each) <= 64 for each in minted)


def test_citations_stand_at_the_end_of_their_text_each_once():
    twice = [Citation("http://a", "A"), Citation("http://a", "A"), Citation("http://b", "B")]
    events = run([TextDelta("As they say."), *twice], "completed")
    (message,) = output_of(events)
    annotations = message["content"][0]["annotations"]
    assert [each["url"] for each in annotations] == ["http://a", "http://b"]
    assert {(each["start_index"], each["end_index"]) for each in annotations} == {(0, 12)}
    added = [e for e in events if e["type"] == "response.output_text.annotation.added"]
    assert [(e["annotation_index"], e["annotation"]) for e in added] == list(enumerate(annotations))


SEARCH = {"type": "web_search_call", "id": "ws_theirs", "action": {"query": "weather"}}


def test_a_whole_item_opens_and_closes_at_once_and_ends_what_was_open():
    said = [TextDelta("Let me see."), WholeItem(SEARCH, 80), TextDelta("Warm.")]
    events = run(said, "completed")
    before, search, after = output_of(events)
    assert (search["type"], search["status"], search["action"]) == (
        "web_search_call", "completed", {"query": "weather"},
    )  # fmt: skip
    assert search["id"].startswith("ws_") and search["id"] != "ws_theirs"
    assert [item["content"][0]["text"] for item in (before, after)] == ["Let me see.", "Warm."]
    added = [each["item"] for each in events if each["type"] == "response.output_item.added"]
    assert [each["status"] for each in added] == ["in_progress"] * 3
    assert [each["id"] for each in added] == [before["id"], search["id"], after["id"]]


def test_a_whole_item_is_announced_without_its_bulk_and_is_pressure():
    coalescer = Coalescer()
    image = {"type": "image_generation_call", "result": "i" * 9_000, "status": "failed"}
    coalescer.feed([WholeItem(image, 9_100)])
    assert coalescer.pending_chars > 9_100
    added, done = coalescer.take()
    assert added["item"]["result"] == ""
    assert (done["item"]["result"], done["item"]["status"]) == ("i" * 9_000, "failed")


def test_items_and_parts_end_where_it_is_said():
    said = [
        ReasoningDelta("One."), PartEnd(), ReasoningDelta("Two."),
        ItemEnd(fields={"encrypted_content": "secret"}),
        ReasoningDelta("Three."), ItemEnd(),
        Phase("commentary"), TextDelta("First."), ItemEnd(),
        TextDelta("Second."), ItemEnd("incomplete"),
    ]  # fmt: skip
    events = run(said, "completed")
    thought, again, comment, last = output_of(events)
    assert [part["text"] for part in thought["summary"]] == ["One.", "Two."]
    assert thought["encrypted_content"] == "secret"
    assert "encrypted_content" not in again
    assert (comment["phase"], "phase" in last) == ("commentary", False)
    assert [item["status"] for item in (comment, last)] == ["completed", "incomplete"]
    opened = [each["item"] for each in events if each["type"] == "response.output_item.added"]
    assert [each.get("phase") for each in opened] == [None, None, "commentary", None]


def test_a_call_that_ended_lets_what_follows_through():
    coalescer = Coalescer()
    coalescer.feed([ToolCallDelta(0, "c0", "look", "{}"), ItemEnd(), TextDelta("Meanwhile.")])
    assert kinds(coalescer.take())[-3:] == [
        "output_item.added", "content_part.added", "output_text.delta",
    ]  # fmt: skip
    coalescer.feed([ItemEnd(), ToolCallDelta(1, "c1", "look", "{}"), ItemEnd()])
    coalescer.close("completed")
    assert [item["type"] for item in coalescer.output] == [
        "function_call", "message", "function_call",
    ]  # fmt: skip


def test_the_end_of_nothing_leaves_no_trace():
    assert run([PartEnd(), Phase("commentary"), ItemEnd(fields={"a": 1})], "completed") == []


def test_log_probabilities_stand_with_their_text():
    one, two = ({"token": each, "logprob": -1, "bytes": [], "top_logprobs": []} for each in "ab")
    coalescer = Coalescer()
    coalescer.feed([TextDelta("a"), Logprobs([one])])
    first = coalescer.take()[-1]
    coalescer.feed([TextDelta("b"), Logprobs([two])])
    coalescer.close("completed")
    second, done, part, item = coalescer.take()
    assert (first["logprobs"], second["logprobs"]) == ([one], [two])
    assert done["logprobs"] == part["part"]["logprobs"] == [one, two]
    assert item["item"]["content"][0]["logprobs"] == [one, two]


def test_annotations_stand_as_they_came():
    cited = {"type": "url_citation", "url": "http://a", "title": "A",
             "start_index": 1, "end_index": 3}  # fmt: skip
    (message,) = output_of(run([TextDelta("As said."), Annotation(cited)], "completed"))
    assert message["content"][0]["annotations"] == [cited]
