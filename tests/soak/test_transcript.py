"""A screen that was shown something wrong says so."""

import pytest

from tests.soak.transcript import Transcript


def created(number: int = 0, tag: str = "tag"):
    response = {"conversation": {"id": "conv_1"}, "interject": {"event_ids": [tag]}}
    return {
        "type": "response.created",
        "response_id": "resp_1",
        "sequence_number": number,
        "response": response,
    }


def delta(number: int, text: str):
    kind = "response.output_text.delta"
    return {"type": kind, "response_id": "resp_1", "sequence_number": number, "delta": text}


def ended(number: int):
    return {
        "type": "response.completed",
        "response_id": "resp_1",
        "sequence_number": number,
        "response": {"status": "completed"},
    }


def snapshot(number: int, text: str):
    item = {
        "direction": "output",
        "type": "message",
        "response_id": "resp_1",
        "content": [{"type": "output_text", "text": text}],
    }
    response = {
        "id": "resp_1",
        "status": "in_progress",
        "sequence_number": number,
        "interject": {"event_ids": ["tag"]},
    }
    return {
        "type": "interject:snapshot",
        "conversation": {"id": "conv_1"},
        "responses": [response],
        "items": [item],
    }


def shown(*frames):
    transcript = Transcript()
    for frame in frames:
        transcript.take(frame)
    return transcript


def test_an_answer_that_came_whole_has_no_fault():
    whole = shown(created(), delta(1, "a"), delta(2, "b"), ended(3))
    assert whole.faults == []
    answer = whole.by_tag("tag")
    assert answer is not None
    assert (answer.text, answer.status, answer.number) == ("ab", "completed", 3)


def test_a_snapshot_goes_on_where_it_stands():
    joined = shown(snapshot(7, "abc"), delta(8, "d"))
    assert joined.faults == []
    assert joined.responses["resp_1"].text == "abcd"


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ([created(), delta(2, "b")], "a hole"),
        ([created(), delta(1, "a"), delta(1, "a")], "a double"),
        ([delta(1, "a")], "a hole"),
        ([created(), ended(1), delta(2, "b")], "went on after its end"),
        ([created(), delta(1, "abc"), snapshot(1, "abd")], "has another text"),
        ([created(), delta(1, "a"), snapshot(0, "a")], "went back"),
    ],
)
def test_what_is_wrong_is_said(frames, fault):
    assert fault in "".join(shown(*frames).faults)


def test_cursors_name_what_runs_and_the_latest():
    running = shown(created(), delta(1, "a"))
    assert running.cursors() == [{"response_id": "resp_1", "sequence_number": 1}]
