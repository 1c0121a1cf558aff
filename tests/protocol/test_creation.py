"""The settings of a prompt: each has its shape, and what has another is refused by its name."""

from typing import Any

import pytest

from chat.protocol.creation import parse_creation
from chat.protocol.errors import BadRequest
from chat.providers.base import ModelRequest
from chat.providers.chat_parameters import body

LOOK = {"type": "function", "name": "look"}
SCHEMA = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
WHOLE_SCHEMA = {**SCHEMA, "description": None, "strict": False}


def request_of(**fields: Any) -> dict[str, Any]:
    return parse_creation({"input": "Hello", **fields}).request


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"verbosity": "low"}, {"format": {"type": "text"}, "verbosity": "low"}),
        ({"format": None}, {"format": {"type": "text"}}),
        ({"format": {"type": "text", "mood": 1}}, {"format": {"type": "text"}}),
        ({"format": {"type": "json_object"}}, {"format": {"type": "json_object"}}),
        ({"format": {**SCHEMA, "strict": None}}, {"format": WHOLE_SCHEMA}),
        ({"format": {**SCHEMA, "strict": True}}, {"format": {**WHOLE_SCHEMA, "strict": True}}),
    ],
)
def test_a_format_is_kept_as_it_is_shown(value: Any, kept: Any):
    assert request_of(text=value)["text"] == kept
    assert request_of(text=kept)["text"] == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("required", "required"),
        ({**LOOK, "description": "more"}, LOOK),
        (
            {"type": "allowed_tools", "tools": [LOOK]},
            {"type": "allowed_tools", "tools": [LOOK], "mode": "auto"},
        ),
    ],
)
def test_a_choice_of_tools_is_kept_as_it_is_shown(value: Any, kept: Any):
    assert request_of(tool_choice=value)["tool_choice"] == kept
    assert request_of(tool_choice=kept)["tool_choice"] == kept


def test_what_is_neutral_is_not_kept():
    assert request_of(text=None, tool_choice=None) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "json"),
        ("text.format", {"format": "json"}),
        ("text.format.type", {"format": {"type": "grammar"}}),
        ("text.format.schema", {"format": {**SCHEMA, "schema": "{}"}}),
        ("text.format", {"format": {"type": "json_schema", "schema": {}}}),
        ("text.verbosity", {"verbosity": 3}),
        ("tool_choice", "perhaps"),
        ("tool_choice", ["look"]),
        ("tool_choice", {"type": "function"}),
        ("tool_choice.type", {"type": "file_search"}),
        ("tool_choice.tools[0]", {"type": "allowed_tools", "tools": ["look"]}),
        ("tool_choice.tools", {"type": "allowed_tools", "tools": "look"}),
        ("tool_choice.mode", {"type": "allowed_tools", "tools": [LOOK], "mode": "perhaps"}),
    ],
)
def test_a_setting_of_another_shape_is_refused_by_its_name(name: str, value: Any):
    with pytest.raises(BadRequest) as refusal:
        request_of(**{name.partition(".")[0]: value})
    assert refusal.value.param == name
    assert refusal.value.status == 400


@pytest.mark.parametrize("format_", [{"type": "text"}, {"type": "json_object"}, SCHEMA])
@pytest.mark.parametrize("choice", ["none", LOOK, {"type": "allowed_tools", "tools": [LOOK]}])
def test_whatever_is_taken_can_be_asked_of_a_provider(format_: Any, choice: Any):
    request = request_of(text={"format": format_}, tool_choice=choice, tools=[LOOK])
    asked = ModelRequest(model="m", items=[], **request)
    assert body(asked, openai=False)["tools"][0]["function"]["name"] == "look"


@pytest.mark.parametrize(
    "fields",
    [
        {"x" * 10_000: 1},
        {"tool_choice": "x" * 10_000},
        {"text": {"format": {"type": "x" * 10_000}}},
    ],
)
def test_a_refusal_quotes_only_a_little(fields: dict[str, Any]):
    with pytest.raises(BadRequest) as refusal:
        request_of(**fields)
    assert len(refusal.value.message) < 300
    assert len(refusal.value.param or "") < 200


@pytest.mark.parametrize("wish", [True, False])
def test_a_wish_about_the_cache_is_kept_with_what_was_asked(wish: bool):
    assert request_of(interject={"cache": wish}) == {"interject": {"cache": wish}}


def test_who_leaves_the_cache_to_the_service_says_nothing_of_it():
    assert request_of(interject={"cache": None}) == request_of(interject={}) == {}


def test_a_wish_about_the_cache_is_yes_or_no():
    with pytest.raises(BadRequest) as refused:
        request_of(interject={"cache": "everyone"})
    assert refused.value.param == "interject.cache"
