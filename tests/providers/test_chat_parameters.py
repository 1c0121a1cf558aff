"""How the settings of a request are worded for Chat Completions, and for whom."""

import pytest

from chat.providers.base import ModelRequest, ProviderError
from chat.providers.chat_parameters import body
from chat.providers.http_provider import is_openai
from tests.providers.reading import asking, hear

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
