"""Frames become commands, or refusals with a code: nothing else ever comes of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat.protocol import items, requests
from chat.protocol.errors import BadRequest, TooLarge, WireError
from chat.protocol.frames import decode
from chat.protocol.requests import BadSteer, Command

KINDS = [
    "response.create", "response.steer", "response.processed", "interject:cancel",
    "interject:follow", "interject:unfollow", "interject:ack", "interject:feedback",
    "interject:dequeue", "interject:typing",
]  # fmt: skip
FIELDS = [
    "event_id", "stream_id", "input", "model", "conversation", "previous_response_id", "store",
    "generate", "temperature", "top_p", "max_output_tokens", "metadata", "tools", "tool_choice",
    "text", "reasoning", "truncation", "include", "instructions", "stream", "background",
    "interject", "user", "response_id", "target_event_id", "after", "sequence_number", "rating",
    "tags", "comment", "item_id", "role", "content", "type", "id", "call_id", "name", "arguments",
    "output", "summary", "status", "nonsense",
]  # fmt: skip
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["user", "assistant", "message", "function_call", "function_call_output",
                     "reasoning", "item_reference", "input_text", "output_text", "auto", "x" * 70]),
)  # fmt: skip
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    ),
    max_leaves=6,
)
frames = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.one_of(st.sampled_from(KINDS), plain),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=8),
)
content = st.one_of(
    st.text(min_size=1, max_size=5),
    st.lists(st.fixed_dictionaries({"type": st.just("input_text"), "text": st.text(max_size=5)})),
)
inputs = st.lists(
    st.one_of(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]),
                               "content": content}, optional={"status": plain, "phase": plain}),
        st.fixed_dictionaries({"type": st.just("function_call"), "call_id": st.just("c"),
                               "name": st.just("f"), "arguments": st.text(max_size=5)}),
        st.fixed_dictionaries({"type": st.just("function_call_output"), "call_id": st.just("c"),
                               "output": content}),
        st.fixed_dictionaries({"type": st.just("reasoning"),
                               "summary": st.lists(st.dictionaries(
                                   st.sampled_from(["type", "text", "more"]), plain))}),
        st.fixed_dictionaries({"id": st.just("msg_1")}),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
PROMPT = {"type": "response.create", "input": "Hello"}


def creation(**fields: Any) -> Any:
    command = requests.parse({**PROMPT, **fields})
    assert isinstance(command, requests.Create)
    return command.creation


def refused(frame: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as refusal:
        requests.parse(frame)
    return refusal.value


@given(frames)
def test_any_frame_becomes_a_command_or_a_refusal(frame: dict[str, Any]):
    outcome = outcome_of(lambda: requests.parse(frame))
    if isinstance(outcome, WireError):
        assert outcome.code
        assert outcome.message
        assert outcome.status == 400
        assert json.loads(json.dumps(outcome.payload())) == outcome.payload()
    else:
        assert isinstance(outcome, Command)


def outcome_of(work: Callable[[], Any]) -> Any:
    """What comes of it, a refusal included. Anything else that is raised fails the test."""
    try:
        return work()
    except WireError as error:
        return error


@given(st.one_of(st.text(), values.map(json.dumps)))
def test_any_text_is_an_object_or_a_refusal(text: str):
    outcome = outcome_of(lambda: decode(text, 60))
    if isinstance(outcome, TooLarge):
        assert outcome.status == 413
        assert len(text.encode()) > 60
    elif isinstance(outcome, BadRequest):
        assert outcome.code in ("invalid_json", "invalid_frame", "invalid_text")
    else:
        assert isinstance(outcome, dict)


@given(inputs)
def test_an_input_that_was_taken_is_taken_again_as_it_is(value: Any):
    """Our own items come back with all of their fields."""
    taken = outcome_of(lambda: creation(input=value))
    assume(not isinstance(taken, WireError))
    again = creation(input=taken.items).items
    assert [unnamed(each) for each in again] == [unnamed(each) for each in taken.items]


def unnamed(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "id"}


@pytest.mark.parametrize("size", [100, 101])
def test_a_frame_may_be_as_large_as_its_limit(size: int):
    text = json.dumps({"a": "ü" * 40}, ensure_ascii=False)
    text += " " * (size - len(text.encode()))
    if size > 100:
        with pytest.raises(TooLarge):
            decode(text, 100)
    else:
        assert decode(text, 100) == {"a": "ü" * 40}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": "\\u0000"}', "invalid_text"),
        ('{"\\u0000": 1}', "invalid_text"),
        ('{"a": [{"b": "x\\u0000"}]}', "invalid_text"),
        ('{"a":' * 480 + '"\\u0000"' + "}" * 480, "invalid_text"),
        ('{"a":' + "[" * 600 + '"\\u0000"' + "]" * 600 + "}", "invalid_text"),
        ('{"a": "\\ud800"}', "invalid_text"),
        ('{"a": "\\udc00\\ud800"}', "invalid_text"),
        ('{"\\udfff": 1}', "invalid_text"),
        ("[" * 100_000, "invalid_json"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "invalid_json"),
        ('{"a": NaN}', "invalid_json"),
        ('{"a": 1e999}', "invalid_json"),
        ("{'a': 1}", "invalid_json"),
        ("", "invalid_json"),
        ("[]", "invalid_frame"),
        ("null", "invalid_frame"),
    ],
)
def test_what_cannot_be_read_or_kept_is_refused(text: str, code: str):
    with pytest.raises(BadRequest) as refusal:
        decode(text, 10_000_000)
    assert refusal.value.code == code


def test_a_pair_of_surrogates_and_an_escaped_backslash_are_text():
    assert decode('{"a": "\\ud83d\\ude00"}', 100) == {"a": "😀"}
    assert decode('{"a": "\\\\u0000"}', 100) == {"a": "\\u0000"}


def test_neutral_values_of_unknown_fields_are_let_pass():
    assert creation(new=None, newer=[], newest={}).request == {}
    for value in (0, False, "", [None]):
        assert refused({**PROMPT, "new": value}).param == "new"


def test_a_bad_steer_carries_its_input_back():
    frame = {"type": "response.steer", "previous_response_id": "resp_1", "input": [7]}
    error = refused(frame)
    assert isinstance(error, BadSteer)
    assert (error.previous_response_id, error.given) == ("resp_1", [7])


@pytest.mark.parametrize("value", [["user"], {"a": 1}, 7, True, "x" * 101])
def test_a_type_and_a_role_are_words(value: Any):
    for item in ({"type": value}, {"role": value, "content": "Hi"},
                 {"role": "user", "content": [{"type": value}]}):  # fmt: skip
        assert refused({**PROMPT, "input": [item]}).status == 400
        steer = {"type": "response.steer", "previous_response_id": "r", "input": [item]}
        assert isinstance(refused(steer), BadSteer)


def test_a_steer_is_a_users_message():
    frame = {"type": "response.steer", "previous_response_id": "r", "input": "Shorter."}
    command = requests.parse(frame)
    assert isinstance(command, requests.Steer)
    (message,) = command.items
    assert (message["role"], message["content"][0]["text"]) == ("user", "Shorter.")


def test_the_connections_own_fields_are_no_settings():
    command = requests.parse({**PROMPT, "event_id": "e", "stream_id": "s", "stream": True})
    assert isinstance(command, requests.Create)
    assert (command.event_id, command.stream_id) == ("e", "s")
    assert command.creation.request == {}


@pytest.mark.parametrize("given", ["conv_1", {"id": "conv_1"}, {"id": "conv_1", "more": 1}])
def test_a_conversation_is_an_id_or_an_object_with_one(given: Any):
    assert creation(conversation=given).conversation == "conv_1"


def test_ids_are_minted_anew_and_those_of_calls_are_kept():
    given = [
        {"type": "message", "role": "user", "id": "msg_mine", "content": "Hi"},
        {"type": "function_call", "id": "fc_mine", "call_id": "c", "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text",
                                                                     "text": "seen"}]},
    ]  # fmt: skip
    message, call, output = creation(input=given).items
    assert message["id"] != "msg_mine"
    assert call["id"] != "fc_mine"
    assert call["call_id"] == output["call_id"] == "c"


def test_a_tool_bears_all_of_its_fields():
    assert creation(tools=[{"type": "function", "name": "f"}]).request["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": True}
    ]


def test_items_of_hosted_tools_are_taken_as_they_are():
    given = {"type": "web_search_call", "id": "ws_1", "status": "failed", "action": {"query": "a"},
             "response_id": "resp_1", "role": 7}  # fmt: skip
    (item,) = items.parse_input([given])
    assert item["id"] != "ws_1" and item.pop("id").startswith("ws_")
    assert item == {"type": "web_search_call", "status": "failed", "action": {"query": "a"}}


@pytest.mark.parametrize("kind", ["poem", "web search call", "x" * 40 + "_call", "Custom_call"])
def test_items_of_no_known_type_are_refused(kind):
    with pytest.raises(BadRequest) as raised:
        items.parse_input([{"type": kind}])
    assert raised.value.code == "unsupported_item"
