"""How a conversation and its settings are worded for the Responses API."""

from typing import Any

import pytest

from chat.providers.base import ModelRequest, ProviderError
from chat.providers.responses_input import told
from chat.providers.responses_parameters import body
from tests.providers.reading import asking, hear
from tests.upstream_responses import RESPONSES

Item = dict[str, Any]

ASKED = {"type": "message", "id": "msg_1", "status": "completed", "role": "user",
         "content": [{"type": "input_text", "text": "Hello"}]}  # fmt: skip
TOLD = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
CITED = {"type": "url_citation", "url": "http://a", "title": "A", "start_index": 0, "end_index": 2}
PART = {"type": "output_text", "text": "Hi", "annotations": [CITED]}
SAID = {"type": "message", "id": "msg_2", "status": "completed", "role": "assistant",
        "content": [{**PART, "logprobs": [{"token": "Hi"}]}]}  # fmt: skip
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{}",
        "status": "completed"}  # fmt: skip
OUTPUT = {"type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "seen",
          "status": "completed"}  # fmt: skip
SUMMARY = [{"type": "summary_text", "text": "Hm."}]
SEALED = {"type": "reasoning", "id": "rs_1", "status": "completed", "summary": SUMMARY,
          "encrypted_content": "sealed"}  # fmt: skip
OPEN = {"type": "reasoning", "id": "rs_2", "status": "completed", "summary": SUMMARY}


def without(item: Item, *names: str) -> Item:
    return {name: value for name, value in item.items() if name not in names}


IMAGE = {"type": "input_image", "image_url": "data:,", "detail": "low"}
# items, what OpenAI is told, what others are told (the same, where it is None)
CONVERSATIONS: dict[str, tuple[list[Item], list[Item], list[Item] | None]] = {
    "turns": (
        [ASKED, SAID, ASKED],
        [TOLD, {"type": "message", "role": "assistant", "content": [PART]}, TOLD],
        [TOLD, {**SAID, "content": [PART]}, TOLD],
    ),
    "strings": (
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        [{"type": "message", "role": "user", "content": "a"},
         {"type": "message", "role": "assistant",
          "content": [{"type": "output_text", "text": "b", "annotations": []}]}],
        [{"type": "message", "role": "user", "content": "a"},
         {"type": "message", "role": "assistant", "status": "completed",
          "content": [{"type": "output_text", "text": "b", "annotations": []}]}],
    ),
    "a developer": (
        [{**ASKED, "role": "developer"}, {**ASKED, "role": "system"}],
        [{**TOLD, "role": "developer"}, {**TOLD, "role": "system"}],
        None,
    ),
    "images and files as they are": (
        [{**ASKED, "content": [IMAGE, {"type": "input_image", "file_id": "f"},
                               {"type": "input_file", "file_url": "http://a"}]}],
        [{**TOLD, "content": [IMAGE, {"type": "input_image", "file_id": "f", "detail": "auto"},
                              {"type": "input_file", "file_url": "http://a"}]}],
        None,
    ),
    "a refusal and a phase": (
        [{**SAID, "phase": "commentary", "content": [{"type": "refusal", "refusal": "No"}]}],
        [{"type": "message", "role": "assistant", "phase": "commentary",
          "content": [{"type": "refusal", "refusal": "No"}]}],
        [{**SAID, "phase": "commentary", "content": [{"type": "refusal", "refusal": "No"}]}],
    ),
    "an answer without a word": ([{**SAID, "content": []}, ASKED], [TOLD], None),
    "an answer that was cut": (
        [{**SAID, "status": "incomplete"}],
        [{"type": "message", "role": "assistant", "content": [PART]}],
        [{**SAID, "status": "incomplete", "content": [PART]}],
    ),
    "calls and outputs": (
        [CALL, OUTPUT, {**OUTPUT, "output": [IMAGE]}, {**CALL, "arguments": ""}],
        [without(CALL, "id", "status"), without(OUTPUT, "id", "status"),
         {**without(OUTPUT, "id", "status"), "output": [IMAGE]}, without(CALL, "id", "status")],
        [CALL, without(OUTPUT, "id", "status"),
         {**without(OUTPUT, "id", "status"), "output": [IMAGE]}, CALL],
    ),
    "a call that was cut": ([ASKED, {**CALL, "status": "incomplete"}], [TOLD], None),
    "sealed reasoning": (
        [SEALED, CALL, OUTPUT],
        [without(SEALED, "id", "status"), without(CALL, "id", "status"),
         without(OUTPUT, "id", "status")],
        [SEALED, CALL, without(OUTPUT, "id", "status")],
    ),
    "reasoning that nothing follows": (
        [SEALED, ASKED, SEALED, OUTPUT, SEALED, SEALED, CALL, SEALED],
        [TOLD, without(OUTPUT, "id", "status"), *[without(SEALED, "id", "status")] * 2,
         without(CALL, "id", "status")],
        [SEALED, TOLD, SEALED, without(OUTPUT, "id", "status"), SEALED, SEALED, CALL, SEALED],
    ),
    "reasoning that is not sealed": ([OPEN, CALL], [without(CALL, "id", "status")], [OPEN, CALL]),
    "reasoning that was told as text": (
        [{**OPEN, "interject": {"told_as": "reasoning_text"}}],
        [],
        [{**OPEN, "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}],
    ),
    "items of hosted tools": (
        [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "a"}},
         {"type": "custom_tool_call", "id": "ctc_1", "status": "completed", "input": "x"},
         {"type": "mcp_list_tools", "id": "mcpl_1", "status": "completed", "tools": []},
         {"type": "compaction", "id": "cmp_1", "status": "completed", "encrypted_content": "s"}],
        [{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "a"}},
         {"type": "custom_tool_call", "id": "ctc_1", "input": "x"},
         {"type": "mcp_list_tools", "id": "mcpl_1", "tools": []},
         {"type": "compaction", "id": "cmp_1", "encrypted_content": "s"}],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("items", "to_openai", "to_others"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys()
)
def test_a_conversation_is_told_as_it_is(items, to_openai, to_others):
    before = repr(items)
    assert told(items, openai=True) == to_openai
    assert told(items, openai=False) == (to_openai if to_others is None else to_others)
    assert repr(items) == before


@pytest.mark.parametrize("openai", [True, False], ids=["OpenAI", "others"])
def test_what_another_upstream_sealed_is_not_told(openai):
    ours, theirs = ({**SEALED, "interject": {"sealed_by": name}} for name in ("us", "them"))
    known = told([ours, CALL, theirs, CALL], openai=openai, origin="us")
    assert [each.get("encrypted_content") for each in known if each["type"] == "reasoning"] == (
        ["sealed"] if openai else ["sealed", None]
    )


def test_a_reference_cannot_be_told():
    with pytest.raises(ProviderError) as raised:
        told([{"type": "item_reference", "id": "msg_1"}], openai=False)
    assert raised.value.code == "invalid_prompt"


TOOL = {"type": "function", "name": "look", "description": None, "parameters": {}, "strict": True}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {}, "strict": True}
SEAL = "reasoning.encrypted_content"

SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "numbers": (
        {"temperature": 0.0, "top_p": 0.5, "max_output_tokens": 9, "max_tool_calls": 3},
        {"temperature": 0.0, "top_p": 0.5, "max_output_tokens": 9, "max_tool_calls": 3},
    ),
    "penalties": (
        {"presence_penalty": 0.0, "frequency_penalty": 0.5}, {"frequency_penalty": 0.5},
    ),
    "instructions": ({"instructions": "Be kind"}, {"instructions": "Be kind"}),
    "reasoning": (
        {"reasoning": {"effort": "low", "summary": "auto"}},
        {"reasoning": {"effort": "low", "summary": "auto"}, "include": [SEAL]},
    ),
    "no reasoning": (
        {"reasoning": {"effort": "none", "summary": None}}, {"reasoning": {"effort": "none"}},
    ),
    "an empty reasoning": ({"reasoning": {"effort": None}}, {}),
    "what to include": ({"include": [SEAL, "a"]}, {"include": [SEAL, "a"]}),
    "log probabilities": (
        {"top_logprobs": 3}, {"top_logprobs": 3, "include": ["message.output_text.logprobs"]},
    ),
    "no log probabilities": ({"top_logprobs": 0}, {}),
    "text": ({"text": {"format": {"type": "text"}}}, {}),
    "a schema": (
        {"text": {"format": {**SCHEMA, "description": None}, "verbosity": "low"}},
        {"text": {"format": SCHEMA, "verbosity": "low"}},
    ),
    "tools": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look"},
         "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look"},
         "parallel_tool_calls": False},
    ),
    "a choice among no tools": ({"tool_choice": "auto", "parallel_tool_calls": True}, {}),
    "who asks": (
        {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "service_tier": "flex"},
        {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "service_tier": "flex"},
    ),
    "the usual tier": ({"service_tier": "auto"}, {}),
}  # fmt: skip
ALWAYS = {"model": "m", "input": [], "stream": True, "store": False, "truncation": "disabled"}


@pytest.mark.parametrize(("settings", "sent"), SETTINGS.values(), ids=SETTINGS.keys())
@pytest.mark.parametrize("openai", [True, False], ids=["OpenAI", "others"])
def test_what_is_asked_for_is_sent(settings, sent, openai):
    asked = body(ModelRequest(model="m", items=[], **settings), openai=openai)
    assert asked == {**ALWAYS, **sent}


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o3", True), ("gpt-5.1", True), ("openai/gpt-5-mini", True), ("codex-mini", True),
        ("gpt-4o", False), ("gpt-5-chat-latest", False), ("gpt-oss-120b", False), ("qwen", False),
    ],
)  # fmt: skip
def test_sealed_reasoning_is_asked_of_models_that_reason(model, reasons):
    asked = body(ModelRequest(model=model, items=[]), openai=True)
    assert asked.get("include") == ([SEAL] if reasons else None)


@pytest.mark.parametrize("speech", [RESPONSES], indirect=True)
async def test_the_request_arrives_as_it_was_worded(upstream, provider):
    asked = asking("Grüße 😀", instructions="Be kind", temperature=0.5, tools=[TOOL])
    await hear(provider, asked)
    (seen,) = upstream.requests
    assert (seen.method, seen.path) == ("POST", "/v1/responses")
    assert seen.json == body(asked, openai=False)
    assert "previous_response_id" not in seen.json
