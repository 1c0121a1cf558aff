"""Which prompts are the same: every word that goes upstream counts, nothing that we mint does."""

import json
from typing import Any

import msgspec
import pytest

from chat.protocol.items import parse_input
from chat.providers.base import ModelRequest
from chat.providers.cache_key import key_of

LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


def asked(said: Any = "Hello", **fields: Any) -> ModelRequest:
    """What is asked, with ids that are new each time."""
    return ModelRequest(**{"model": "m", "items": parse_input(said), **fields})


def key(said: Any = "Hello", **fields: Any) -> str:
    return key_of(asked(said, **fields), "user")


def called(call_id: str, output: str = "blue", answered: str | None = None) -> list[dict[str, Any]]:
    call = {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"}
    answer = {"type": "function_call_output", "call_id": answered or call_id, "output": output}
    return [{"role": "user", "content": "Look!"}, call, answer]


DIFFERENT = {
    "model": "other",
    "instructions": "Be brief.",
    "temperature": 0.0,
    "top_p": 0.5,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "max_output_tokens": 10,
    "max_tool_calls": 1,
    "include": ["reasoning.encrypted_content"],
    "tools": [LOOK],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "text": {"format": {"type": "json_object"}},
    "reasoning": {"effort": "low"},
    "top_logprobs": 1,
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "safety_identifier": "someone",
    "user": "ada",
}


@pytest.mark.parametrize("field", DIFFERENT)
def test_whatever_goes_upstream_makes_another_prompt(field: str):
    assert key(**{field: DIFFERENT[field]}) != key()


def test_every_field_of_a_request_is_tried_here():
    assert {*DIFFERENT, "items"} == set(ModelRequest.__struct_fields__)
    assert len({key(**{name: value}) for name, value in DIFFERENT.items()}) == len(DIFFERENT)


def test_ids_that_we_mint_make_no_difference():
    assert key() == key()
    assert key(called("call_1")) == key(called("call_2"))


def test_what_a_call_is_answered_by_makes_a_difference():
    assert key(called("call_1")) != key(called("call_1", "green"))
    two = [*called("a", "red"), *called("b", "blue")]
    swapped = [*called("a", "red", answered="b"), *called("b", "blue", answered="a")]
    assert key(two) != key(swapped)


def test_who_said_it_and_in_what_order_makes_a_difference():
    one, two = {"role": "user", "content": "One"}, {"role": "developer", "content": "Two"}
    keys = {key([one, two]), key([two, one]), key([one]), key([{**one, "role": "developer"}, two])}
    assert len(keys) == 4


def test_where_one_text_ends_makes_a_difference():
    whole = [{"role": "user", "content": "One Two"}]
    parted = [
        {"role": "user", "content": [{"type": "input_text", "text": t} for t in ("One", " Two")]}
    ]
    assert key(whole) != key(parted)


def test_what_went_through_the_database_is_still_the_same():
    """A worker reads from there what a web process had at hand."""
    here = asked(called("c"), temperature=1.0, tools=[LOOK], text={"format": {"type": "text"}})
    fields = json.loads(json.dumps(msgspec.to_builtins(here), sort_keys=True))
    assert key_of(ModelRequest(**fields), "user") == key_of(here, "user")


def test_what_is_not_said_is_as_good_as_nothing():
    assert key(instructions="", tools=[], temperature=None) == key()


def test_each_scope_is_a_world_of_its_own():
    assert key_of(asked(), "user") != key_of(asked(), "everyone")
