"""Where a process died, another one closes what was open: with all that was kept, no more."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.protocol import transcript
from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import Delta, TextDelta
from chat.protocol.events import encode_events
from chat.protocol.restoring import restored
from tests.protocol.strategies import beats, deltas, output_of

PREAMBLE = [{"type": "response.created"}, {"type": "response.in_progress"}]


def batches(said: list[Delta], beats: random.Random) -> list[list[dict[str, Any]]]:
    """What each beat of the pulse kept."""
    coalescer = Coalescer()
    taken = []
    for delta in said:
        coalescer.feed([delta])
        if beats.random() < 0.5:
            taken.append(coalescer.take())
    return taken


@given(deltas, beats, st.data())
def test_what_was_kept_is_closed_and_nothing_is_added(
    said: list[Delta], beats: random.Random, data: st.DataObject
):
    kept = batches(said, beats)
    kept = kept[: data.draw(st.integers(0, len(kept)))]
    events = [*PREAMBLE, *(event for batch in kept for event in batch)]
    log = encode_events("resp_1", 0, events)

    standing = restored(log)
    assert standing.next_number == len(log)
    assert standing.is_in_progress
    standing.coalescer.close("incomplete")
    rest = standing.coalescer.take()

    assert not [event for event in rest if event["type"].endswith(".delta")]
    whole = [*log, *encode_events("resp_1", len(log), rest)]
    items = standing.coalescer.output
    assert transcript.fold(whole) == items
    assert [item["id"] for item in items] == [item["id"] for item in transcript.fold(log)]
    assert transcript.chars(items) == transcript.chars(transcript.fold(log))
    assert output_of([*events, *rest]) == items
    assert all(item["status"] == "completed" for item in items[:-1])


def test_a_response_that_waited_for_a_worker_has_asked_no_model():
    log = encode_events("resp_1", 0, [{"type": "response.created"}, {"type": "response.queued"}])
    standing = restored(log)
    assert not standing.is_in_progress
    assert not standing.coalescer.said
    assert standing.next_number == 2


def test_the_usage_of_what_is_restored_counts_its_text():
    coalescer = Coalescer()
    coalescer.feed([TextDelta("Hello")])
    events = [*PREAMBLE, *coalescer.take()]
    assert restored(encode_events("resp_1", 0, events)).coalescer.chars == 5
