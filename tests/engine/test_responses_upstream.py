"""A service whose upstream speaks the Responses API: its items go through, there and back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.providers.responses import ResponsesProvider
from tests.engine.viewer import Viewer
from tests.upstream_responses import (
    added,
    argue,
    calling,
    chunk,
    completed,
    created,
    ended,
    event,
    message,
    reasoning,
    think,
    whole,
)
from tests.upstream_script import HANG, Script
from tests.wire import standard
from tests.wire.lines import is_event

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "weather"},
}
CITED = {
    "type": "url_citation",
    "url": "https://example.org/",
    "title": "A page",
    "start_index": 0,
    "end_index": 3,
}
SPOKEN = message("Let me look.", 2, phase="commentary")
SPOKEN["content"][0]["annotations"] = [CITED]
# Reasoning, a hosted tool, words and two calls, of which upstream mixes the last two.
FIRST = Script(
    [
        created(),
        think("Hm."),
        ended(reasoning("Hm.", encrypted_content="sealed")),
        added({**SEARCH, "status": "in_progress"}, 1),
        event("response.web_search_call.searching", output_index=1, item_id="ws_1"),
        ended(SEARCH, 1),
        added({**SPOKEN, "content": []}, 2),
        chunk("Let me ", 2),
        *calling("call_1", '{"n":', "1}", index=3)[:2],
        chunk("look.", 2),
        *calling("call_2", "{}", index=4),
        ended(SPOKEN, 2),
        *calling("call_1", '{"n":', "1}", index=3)[2:],
        completed(),
    ]
)


@pytest.fixture
def provider(upstream) -> ResponsesProvider:
    return ResponsesProvider(base_url=upstream.base_url, api_key="key")


@pytest.fixture
async def viewer(engine, identity) -> AsyncIterator[Viewer]:
    connected = await Viewer(engine, identity).connect()
    yield connected
    await connected.drop()


async def answer(viewer: Viewer, text: Any, **fields: Any) -> dict[str, Any]:
    """Prompt, and wait for the end. Returns the response as it ended."""
    known = set(viewer.endings)
    viewer.send("response.create", input=text, **fields)
    await viewer.until(lambda: set(viewer.endings) - known)
    (response_id,) = set(viewer.endings) - known
    return viewer.endings[response_id]


def is_known_to_the_schemas(shown: dict[str, Any]) -> bool:
    items = [shown.get("item"), *shown.get("response", {}).get("output", [])]
    return not any(item and item["type"] == "web_search_call" for item in items)


async def test_calls_go_there_and_their_outputs_back(viewer, upstream):
    upstream.scripts["Look"] = FIRST
    response = await answer(viewer, "Look", tools=[TOOL], reasoning={"effort": "low"})
    assert response["status"] == "completed"
    thought, search, said, one, two = response["output"]
    assert (thought["summary"][0]["text"], thought["encrypted_content"]) == ("Hm.", "sealed")
    assert (search["type"], search["action"]) == ("web_search_call", SEARCH["action"])
    assert (said["phase"], said["content"][0]["text"]) == ("commentary", "Let me look.")
    assert said["content"][0]["annotations"] == [CITED]
    assert [(each["call_id"], each["arguments"]) for each in (one, two)] == [
        ("call_1", '{"n":1}'), ("call_2", "{}"),
    ]  # fmt: skip
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}

    upstream.scripts["And?"] = whole("Seen.")
    outputs = [
        {"type": "function_call_output", "call_id": each["call_id"], "output": "seen"}
        for each in (one, two)
    ]
    given = [*outputs, {"role": "user", "content": "And?"}]
    last = await answer(viewer, given, previous_response_id=response["id"])
    assert viewer.text(last["id"]) == "Seen."

    first, second = (seen.json for seen in upstream.requests)
    assert first["include"] == ["reasoning.encrypted_content"]
    assert (second["store"], "previous_response_id" in second) == (False, False)
    told = second["input"]
    assert [each["type"] for each in told] == [
        "message", "reasoning", "web_search_call", "message", "function_call", "function_call",
        "function_call_output", "function_call_output", "message",
    ]  # fmt: skip
    assert told[1]["encrypted_content"] == "sealed"
    assert told[2] == {**SEARCH, "id": search["id"]}
    assert told[3]["phase"] == "commentary"
    assert [each["call_id"] for each in told[4:8]] == ["call_1", "call_2"] * 2


async def test_every_event_is_of_the_type_that_it_says(viewer, upstream):
    upstream.scripts["Look"] = FIRST
    await answer(viewer, "Look", tools=[TOOL])
    events = [frame for frame in viewer.frames if is_event(frame)]
    assert {
        "response.reasoning_summary_text.delta",
        "response.output_text.annotation.added",
        "response.function_call_arguments.done",
    } <= {each["type"] for each in events}
    for each in events:
        standard.check_with_openai(each)
    for each in filter(is_known_to_the_schemas, events):
        standard.check_with_schemas(each)


async def test_a_snapshot_shows_the_items_as_the_events_did(viewer, upstream, engine, identity):
    upstream.scripts["Look"] = FIRST
    response = await answer(viewer, "Look", tools=[TOOL])
    other = await Viewer(engine, identity).connect()
    other.follow(response["conversation"]["id"])
    snapshot = await other.frame("interject:snapshot")
    placed = {"response_id", "direction", "output_index"}
    shown = [
        {name: value for name, value in item.items() if name not in placed}
        for item in snapshot["items"]
        if item["direction"] == "output"
    ]
    assert shown == response["output"]
    await other.drop()


async def test_what_is_stopped_in_a_call_is_continued_without_it(viewer, upstream):
    begun = added({"type": "function_call", "call_id": "c", "name": "look", "arguments": ""}, 1)
    upstream.scripts["Look"] = Script(
        [chunk("Half "), ended(message("Half ")), begun, argue('{"n":', 1), HANG]
    )
    viewer.send("response.create", input="Look", tools=[TOOL])
    delta = await viewer.frame("response.function_call_arguments.delta")
    viewer.send("interject:cancel", response_id=delta["response_id"])
    await viewer.until(lambda: viewer.endings)
    (response,) = viewer.endings.values()
    assert [each["status"] for each in response["output"]] == ["completed", "incomplete"]

    upstream.scripts["Go on"] = whole("Done.")
    await answer(viewer, "Go on", previous_response_id=response["id"])
    told = upstream.requests[-1].json["input"]
    assert [each["role"] for each in told] == ["user", "assistant", "user"]
    await upstream.requests[0].closed()


async def test_what_fails_upstream_keeps_what_it_said(viewer, upstream):
    upstream.scripts["Look"] = Script([chunk("Half a")])
    response = await answer(viewer, "Look")
    assert (response["status"], response["error"]["code"]) == ("incomplete", "upstream_cut")
    assert viewer.text(response["id"]) == "Half a"
