"""Events back to items: the same that were said, wherever the events are cut."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from chat.protocol import transcript
from chat.protocol.batch import freeze, pack, unpack
from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import Delta
from chat.protocol.events import encode_events
from tests.protocol.strategies import beats, deltas, output_of, run, statuses


@given(deltas, statuses, beats)
def test_folding_all_events_gives_the_output(said: list[Delta], status: str, beats: random.Random):
    events = run(said, status, beats)
    assert transcript.fold(encode_events("resp_1", 0, events)) == output_of(events)


@given(deltas, beats, st.data())
def test_folding_a_beginning_gives_the_text_so_far(
    said: list[Delta], beats: random.Random, data: st.DataObject
):
    """Cut anywhere: what is open has the text of its deltas, what is closed is whole."""
    events = run(said, "completed", beats)
    cut = data.draw(st.integers(0, len(events)))
    folded = transcript.fold(encode_events("resp_1", 0, events[:cut]))
    done = output_of(events[:cut])
    assert folded[: len(done)] == done
    whole = output_of(events)[: len(folded)]
    for item, final in zip(folded[len(done) :], whole[len(done) :], strict=True):
        assert item["status"] == "in_progress"
        assert item["id"] == final["id"]
        for name in ("content", "summary"):
            for part, final_part in zip(item.get(name, ()), final.get(name, ()), strict=False):
                field = "refusal" if part["type"] == "refusal" else "text"
                assert final_part[field].startswith(part[field])
        assert final.get("arguments", "").startswith(item.get("arguments", ""))


@given(deltas, beats)
def test_what_a_snapshot_shows_is_what_the_deltas_said(said: list[Delta], beats: random.Random):
    coalescer = Coalescer()
    log: list[str] = []
    for delta in said:
        coalescer.feed([delta])
        if beats.random() < 0.5:
            log += encode_events("resp_1", len(log), coalescer.take())
    told = [json.loads(text) for text in log]
    deltas_said = "".join(each["delta"] for each in told if each["type"].endswith(".delta"))
    folded = transcript.fold(log)
    assert transcript.chars(folded) - names(folded) == len(deltas_said)


def names(items: list[dict]) -> int:
    return sum(len(item.get("name", "")) for item in items)


@given(deltas, beats)
def test_going_on_from_a_fold_gives_what_a_whole_fold_gives(
    said: list[Delta], beats: random.Random
):
    """A snapshot and the events after it are the final snapshot."""
    log = encode_events("resp_1", 0, run(said, "completed", beats))
    folding = transcript.Folding()
    for text in log:
        folding.items()
        folding.add(json.loads(text))
    assert folding.items() == transcript.fold(log)


@given(deltas, st.integers(0, 5))
def test_events_are_numbered_without_holes_and_one_a_line(said: list[Delta], first: int):
    events = run(said, "completed") or [{"type": "response.created"}]
    batch = freeze("resp_1", "conv_1", 1, first, events)
    frames = [json.loads(each) for each in batch.frames]
    assert [each["sequence_number"] for each in frames] == list(range(first, first + len(events)))
    assert batch.last_number == first + len(events) - 1
    assert {each["response_id"] for each in frames} == {"resp_1"}
    assert all(text.startswith('{"type":"') for text in batch.frames)
    assert unpack(pack([batch])) == [batch]


def test_a_call_that_was_cut_is_no_context():
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{"}
    kept = {"type": "message", "status": "incomplete", "role": "assistant", "content": []}
    cut, whole = {**call, "status": "incomplete"}, {**call, "status": "completed"}
    assert transcript.context([kept, cut, whole]) == [kept, whole]
