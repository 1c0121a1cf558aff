"""How a conversation and its settings are worded for Chat Completions."""

import pytest

from chat.providers.base import ModelRequest, ProviderError
from chat.providers.chat_messages import messages
from chat.providers.chat_parameters import body, is_openai
from tests.providers.reading import asking, hear


def message(role: str, *texts: str, **fields: object) -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    parts = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": parts, **fields}


def called(call_id: str, arguments: str = "{}", **fields: object) -> dict:
    item = {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": arguments}
    return {**item, **fields}


def told_call(call_id: str, arguments: str = "{}") -> dict:
    function = {"name": "weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def output(call_id: str, text: object = "warm") -> dict:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def told_output(call_id: str, text: str = "warm") -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


CONVERSATIONS = {
    "turns": (
        [message("user", "a"), message("assistant", "b"), message("user", "c")],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
    ),
    "a plain string": (
        [{"role": "user", "content": "a"}],
        [{"role": "user", "content": "a"}],
    ),
    "a developer": (
        [message("developer", "a"), message("system", "b")],
        [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}],
    ),
    "several texts": (
        [message("user", "a", "b"), message("assistant", "c", "d")],
        [{"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "cd"}],
    ),
    "a refusal": (
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
        [{"role": "assistant", "content": "no"}],
    ),
    "an answer without a word": (
        [message("user", "a"), message("assistant"), message("user", "b")],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    ),
    "a steered answer": (
        [
            message("user", "a"),
            message("assistant", "b", status="incomplete"),
            message("user", "c"),
        ],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
    ),
    "reasoning": (
        [{"type": "reasoning", "summary": []}, message("assistant", "b")],
        [{"role": "assistant", "content": "b"}],
    ),
    "a call": (
        [message("user", "a"), called("c1"), output("c1"), message("assistant", "b")],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [told_call("c1")]},
            told_output("c1"),
            {"role": "assistant", "content": "b"},
        ],
    ),
    "words, reasoning and parallel calls": (
        [
            message("assistant", "let me see"),
            {"type": "reasoning", "summary": []},
            called("c1", '{"city":"Bonn"}'),
            called("c2", ""),
            output("c1"),
            output(
                "c2", [{"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"}]
            ),
        ],
        [
            {
                "role": "assistant",
                "content": "let me see",
                "tool_calls": [told_call("c1", '{"city":"Bonn"}'), told_call("c2")],
            },
            told_output("c1"),
            told_output("c2", "x\ny"),
        ],
    ),
    "calls one after another": (
        [called("c1"), output("c1"), called("c2"), output("c2", None)],
        [
            {"role": "assistant", "tool_calls": [told_call("c1")]},
            told_output("c1"),
            {"role": "assistant", "tool_calls": [told_call("c2")]},
            told_output("c2", ""),
        ],
    ),
    "a call that was cut": (
        [message("user", "a"), called("c1", '{"ci', status="incomplete"), message("user", "b")],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    ),
    "an image and a file": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "look"},
                    {"type": "input_image", "image_url": "https://x.example/a.png"},
                    {"type": "input_image", "image_url": "data:,", "detail": "low"},
                    {"type": "input_file", "file_data": "data:,", "filename": "a.pdf"},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
                    {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
                    {"type": "file", "file": {"file_data": "data:,", "filename": "a.pdf"}},
                ],
            }
        ],
    ),
}


@pytest.mark.parametrize(("items", "told"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_conversation_is_told_as_messages(items, told):
    before = repr(items)
    assert messages(items) == told
    assert messages(items, "Be kind") == [{"role": "system", "content": "Be kind"}, *told]
    assert repr(items) == before


UNTELLABLE = {
    "compaction": [{"type": "compaction"}],
    "item_reference": [{"type": "item_reference", "id": "msg_1"}],
    "the role critic": [{"role": "critic", "content": "a"}],
    "images that": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
    "files that": [{"role": "user", "content": [{"type": "input_file", "file_url": "x"}]}],
    "input_video": [{"role": "user", "content": [{"type": "input_video"}]}],
    "tool outputs": [output("c1", [{"type": "input_image", "image_url": "data:,"}])],
}


@pytest.mark.parametrize(("names", "items"), UNTELLABLE.items(), ids=UNTELLABLE.keys())
def test_what_cannot_be_told_is_refused_by_name(names, items):
    with pytest.raises(ProviderError) as raised:
        messages(items)
    assert raised.value.code == "invalid_prompt"
    assert names in raised.value.message


WEATHER = {"type": "function", "name": "weather", "description": None, "parameters": {"a": 1}}
TIME = {"type": "function", "name": "time", "parameters": {}, "strict": True}
TOLD_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"a": 1}}}
TOLD_TIME = {"type": "function", "function": {"name": "time", "parameters": {}, "strict": True}}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {}, "strict": True, "description": None}

SETTINGS = {
    "none": ({}, {}),
    "numbers": (
        {"temperature": 0.0, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": -1.0},
        {"temperature": 0.0, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": -1.0},
    ),
    "length": ({"max_output_tokens": 9}, {"max_tokens": 9}),
    "reasoning": ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
    "reasoning without effort": ({"reasoning": {"effort": None}}, {}),
    "text": ({"text": {"format": {"type": "text"}}}, {}),
    "JSON": (
        {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        {"response_format": {"type": "json_object"}, "verbosity": "low"},
    ),
    "a schema": (
        {"text": {"format": SCHEMA}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {}, "strict": True},
            }
        },
    ),
    "tools": (
        {"tools": [WEATHER, TIME], "tool_choice": "required", "parallel_tool_calls": False},
        {
            "tools": [TOLD_WEATHER, TOLD_TIME],
            "tool_choice": "required",
            "parallel_tool_calls": False,
        },
    ),
    "one tool": (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "weather"}},
        {
            "tools": [TOLD_WEATHER],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
    ),
    "allowed tools": (
        {
            "tools": [WEATHER, TIME],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "time"}],
            },
        },
        {"tools": [TOLD_TIME], "tool_choice": "auto"},
    ),
    "a choice among no tools": ({"tool_choice": "auto", "parallel_tool_calls": True}, {}),
    "who asks": ({"user": "u", "service_tier": "flex"}, {"user": "u", "service_tier": "flex"}),
    "the usual tier": ({"service_tier": "auto"}, {}),
    "what only OpenAI knows": ({"prompt_cache_key": "k", "safety_identifier": "s"}, {}),
    "what no delta could carry": ({"top_logprobs": 3}, {}),
}


@pytest.mark.parametrize(("settings", "sent"), SETTINGS.values(), ids=SETTINGS.keys())
def test_only_what_is_asked_for_is_sent(settings, sent):
    always = {
        "model": "m",
        "messages": [],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    asked = ModelRequest(model="m", items=[], **settings)
    assert body(asked, openai=False) == {**always, **sent}


def test_openai_is_asked_in_its_own_words():
    asked = asking(max_output_tokens=9, prompt_cache_key="k", safety_identifier="s")
    sent = body(asked, openai=True)
    assert "max_tokens" not in sent
    assert sent["max_completion_tokens"] == 9
    assert (sent["prompt_cache_key"], sent["safety_identifier"]) == ("k", "s")


@pytest.mark.parametrize(
    ("base_url", "is_own"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1/", True),
        ("https://mine.openai.azure.com/openai/v1", True),
        ("http://localhost:8000/v1", False),
        ("https://api.openai.com.evil.example/v1", False),
        ("https://notapi.openai.com.example", False),
        ("https://fakeapi.openai.com", False),
        ("not an address", False),
    ],
)
def test_openai_is_known_by_its_host(base_url, is_own):
    assert is_openai(base_url) is is_own


@pytest.mark.parametrize(
    "settings",
    [
        {"tools": [{"type": "web_search"}]},
        {"tools": [WEATHER], "tool_choice": "perhaps"},
        {"tools": [WEATHER], "tool_choice": {"type": "file_search"}},
        {"text": {"format": {"type": "grammar"}}},
    ],
)
def test_what_cannot_be_asked_is_refused(settings):
    with pytest.raises(ProviderError) as raised:
        body(asking(**settings), openai=False)
    assert raised.value.code == "invalid_prompt"


async def test_what_is_refused_never_reaches_upstream(upstream, provider):
    error = (await hear(provider, asking(tools=[{"type": "mcp"}]))).error
    assert error is not None
    assert error.code == "invalid_prompt"
    assert upstream.requests == []


async def test_the_request_arrives_as_it_was_worded(upstream, provider):
    asked = asking("Grüße 😀", instructions="Be kind", temperature=0.5, max_output_tokens=9)
    await hear(provider, asked)
    (seen,) = upstream.requests
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.json == body(asked, openai=False)
    assert b"null" not in seen.body
