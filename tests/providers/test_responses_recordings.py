"""What real servers of the Responses API sent, replayed by a real HTTP server, whole and cut.

As in `test_recordings`: the recordings lie beside the repository, if at all, and what must come of
each is worked out here with nothing but `json`, from what its `output_item.done` events say.

Some files hold several answers, one after another.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from chat.protocol.deltas import Delta, Finish, Usage
from tests.providers.cuts import cut_at, cuts_of
from tests.providers.reading import asking, deltas_of, hear, items_of
from tests.providers.responses_reading import heard
from tests.upstream_responses import RESPONSES
from tests.upstream_script import Script

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "responses"
FILES = sorted(FOLDER.glob("*.txt"))

if not FILES:
    pytest.skip(f"no recordings at {FOLDER}", allow_module_level=True)

Recorded = list[dict[str, Any]]


def answers_in(path: Path) -> list[Recorded]:
    """The events of each answer in the file."""
    answers: list[Recorded] = []
    for line in filter(None, path.read_text().splitlines()):
        event = json.loads(line)
        if event["type"] == "response.created":
            answers.append([])
        answers[-1].append(event)
    return answers


RECORDINGS = {
    f"{path.name.split('.')[0]} {number}": answer
    for path in FILES
    for number, answer in enumerate(answers_in(path))
}
COMPLETE = {name: each for name, each in RECORDINGS.items() if "error" not in name}
each_recording = pytest.mark.parametrize("events", COMPLETE.values(), ids=COMPLETE.keys())

pytestmark = pytest.mark.parametrize("speech", [RESPONSES], indirect=True)


def stream_of(events: Recorded) -> bytes:
    """The recording with its framing put back, as these servers escape it."""
    return b"".join(
        f"event: {each['type']}\ndata: {json.dumps(each, ensure_ascii=False)}\n\n".encode()
        for each in events
    )


def expected_of(events: Recorded) -> list[dict[str, Any]]:
    """The items that the recording says it made, as we show them."""
    done = [each["item"] for each in events if each["type"] == "response.output_item.done"]
    return [shown(item) for item in done if shown(item) is not None]


def shown(item: dict[str, Any]) -> dict[str, Any] | None:
    ours = {**item, "status": item.get("status", "completed")}
    del ours["id"]
    if item["type"] == "message":
        ours["content"] = [{**part, "logprobs": []} for part in item["content"]]
    if item["type"] != "reasoning":
        return ours
    texts = ours.pop("content", [])
    if texts:
        ours["summary"] = [{"type": "summary_text", "text": part["text"]} for part in texts]
        ours["interject"] = {"told_as": "reasoning_text"}
    return ours if ours["summary"] or item.get("encrypted_content") else None


def same(deltas: list[Delta], events: Recorded) -> None:
    items = items_of(deltas)
    for item in items:
        marks = item.get("interject", {})
        if marks.pop("sealed_by", None) and not marks:
            del item["interject"]
    assert items == expected_of(events)
    counted = events[-1]["response"]["usage"]
    assert [each for each in deltas if isinstance(each, Usage)] == [
        Usage(
            counted["input_tokens"],
            counted["output_tokens"],
            counted["input_tokens_details"]["cached_tokens"],
            counted["output_tokens_details"]["reasoning_tokens"],
        )
    ]
    calls = any(item["type"] == "function_call" for item in expected_of(events))
    assert deltas[-1] == Finish("tool_calls" if calls else "stop")


@each_recording
async def test_a_recording_arrives_whole(events, upstream, provider):
    upstream.script = Script([stream_of(events)])
    same(await deltas_of(provider, asking()), events)


@each_recording
async def test_a_recording_cut_at_every_byte_arrives_the_same(events, upstream, provider):
    data = stream_of(events)
    for pieces in cuts_of(data, step=3):
        upstream.script = Script(pieces)
        same(await deltas_of(provider, asking()), events)


@each_recording
def test_a_recording_cut_anywhere_decodes_the_same(events, speech):
    data = stream_of(events)
    same(heard([data])[0], events)
    same(heard([data[at : at + 1] for at in range(len(data))])[0], events)
    for position in range(1, len(data), max(1, len(data) * len(data) // 5_000_000)):
        same(heard(cut_at(data, [position]))[0], events)


@each_recording
def test_a_recording_that_breaks_off_anywhere_is_never_complete(events, speech):
    data = stream_of(events)
    whole = "".join(getattr(delta, "text", "") for delta in heard([data])[0])
    # Only the blank line after it may be missing from the last event.
    for position in range(0, len(data) - 2, max(1, len(data) // 200)):
        deltas, answer = heard([data[:position]])
        assert answer.failure is not None
        assert not any(isinstance(delta, Finish) for delta in deltas)
        assert whole.startswith("".join(getattr(delta, "text", "") for delta in deltas))


async def test_a_recorded_failure_is_one(upstream, provider):
    upstream.script = Script([stream_of(RECORDINGS["openai-error 0"])])
    error = (await hear(provider)).error
    assert error is not None
    assert (error.code, "quota" in error.message) == ("rate_limit_exceeded", True)
