"""What may stand in a `response.create`, and what comes of each field."""

from typing import Any

from chat.models import Response
from tests.gate import Gate
from tests.wire.lines import kept, said, texts

TOOL = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}
SETTINGS = {
    "instructions": "Be brief.",
    "temperature": 0.5,
    "top_p": 0.25,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "max_output_tokens": 50,
    "max_tool_calls": 3,
    "top_logprobs": 2,
    "tools": [TOOL],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "text": {"format": {"type": "text"}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "truncation": "auto",
    "service_tier": "flex",
    "safety_identifier": "somebody",
    "prompt_cache_key": "a key",
    "metadata": {"colour": "red"},
    "user": "somebody",
}
DEFAULTS = {
    "instructions": None,
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "top_logprobs": 0,
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "reasoning": None,
    "truncation": "disabled",
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
    "metadata": {},
    "store": True,
    "background": False,
    "previous_response_id": None,
    "model": "test-model",
    "error": None,
    "incomplete_details": None,
}


async def test_every_setting_comes_back_in_the_response(chat, model):
    response = await chat.answer(model.says("Yes."), **SETTINGS)
    assert {name: response[name] for name in SETTINGS} == SETTINGS


async def test_what_is_left_out_has_its_default(chat, model):
    response = await chat.answer(model.says("Yes."))
    assert {name: response[name] for name in DEFAULTS} == DEFAULTS
    assert isinstance(response["created_at"], int)
    assert isinstance(response["completed_at"], int)


async def test_upstream_is_asked_with_the_settings(chat, model):
    prompt = model.says("Yes.")
    await chat.answer(prompt, **{**SETTINGS, "model": "other-model"})
    asked = (await model.asked(prompt)).json
    wanted = {
        "model": "other-model",
        "temperature": 0.5,
        "top_p": 0.25,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "max_tokens": 50,
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "verbosity": "low",
        "service_tier": "flex",
        "user": "somebody",
    }
    assert {name: asked[name] for name in wanted} == wanted
    assert said(await model.asked(prompt))[0] == ("system", "Be brief.")


async def test_what_was_not_said_is_not_sent_upstream(chat, model):
    prompt = model.says("Yes.")
    await chat.answer(prompt)
    asked = (await model.asked(prompt)).json
    assert set(asked) == {"model", "messages", "stream", "stream_options"}


async def test_neutral_values_are_never_refused(chat, model):
    nulls = dict.fromkeys([*SETTINGS, "conversation", "previous_response_id", "store", "generate"])
    neutral = {
        **nulls,
        "stream": True,
        "stream_options": {"include_obfuscation": True},
        "background": False,
        "include": [],
        "tools": [],
        "metadata": {},
        "prompt": None,
        "something_new": None,
        "another_new_one": [],
        "interject": None,
        "stream_id": None,
        "event_id": None,
    }
    response = await chat.answer(model.says("Yes."), **neutral)
    assert {name: response[name] for name in DEFAULTS} == DEFAULTS


async def test_hints_are_kept_and_change_nothing(chat, model):
    prompt = model.says("Yes.")
    hints = {
        "client_metadata": {"a": "b"},
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {"mode": "x"},
        "include": ["reasoning.encrypted_content"],
        "user": "somebody",
        "safety_identifier": "somebody",
        "prompt_cache_key": "a key",
    }
    response = await chat.answer(prompt, **hints, stream_options={"include_obfuscation": True})
    assert texts(response) == "Yes."
    assert all("obfuscation" not in event for event in chat.events(response["id"]))
    assert await kept(lambda: Response.objects.get(pk=response["id"]).request) == hints


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": "red"}, "unknown_parameter", "colour"),
    ({"background": True}, "unsupported_parameter", "background"),
    ({"stream": False}, "unsupported_parameter", "stream"),
    ({"conversation": "conv_1", "previous_response_id": "resp_1"},
     "mutually_exclusive_parameters", "conversation"),
    ({"conversation": "conv_1", "store": False}, "unsupported_parameter", "store"),
    ({"conversation": "conv_none"}, "conversation_not_found", "conversation"),
    ({"conversation": {"id": "conv_none"}}, "conversation_not_found", "conversation"),
    ({"conversation": {"name": "mine"}}, "invalid_type", "conversation"),
    ({"previous_response_id": "resp_none"}, "previous_response_not_found",
     "previous_response_id"),
    ({"previous_response_id": "x" * 65}, "invalid_type", "previous_response_id"),
    ({"temperature": 3}, "invalid_type", "temperature"),
    ({"temperature": "hot"}, "invalid_type", "temperature"),
    ({"top_p": 1.5}, "invalid_type", "top_p"),
    ({"presence_penalty": 3}, "invalid_type", "presence_penalty"),
    ({"top_logprobs": 21}, "invalid_type", "top_logprobs"),
    ({"max_output_tokens": 0}, "invalid_type", "max_output_tokens"),
    ({"max_output_tokens": 1.5}, "invalid_type", "max_output_tokens"),
    ({"truncation": "all"}, "invalid_value", "truncation"),
    ({"metadata": {"a": 1}}, "invalid_type", "metadata"),
    ({"metadata": {str(n): "" for n in range(17)}}, "invalid_type", "metadata"),
    ({"metadata": {"a": "x" * 513}}, "invalid_type", "metadata"),
    ({"instructions": ["Be brief."]}, "invalid_type", "instructions"),
    ({"model": 7}, "invalid_type", "model"),
    ({"model": "no-such-model"}, "model_not_found", "model"),
    ({"store": "yes"}, "invalid_type", "store"),
    ({"tools": {"type": "function"}}, "invalid_type", "tools"),
    ({"tools": [{"type": "web_search"}]}, "unsupported_tool", "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
    ({"interject": {"colour": "red"}}, "invalid_type", "interject"),
    ({"interject": {"on_disconnect": "sing"}}, "invalid_value", "interject.on_disconnect"),
    ({"interject": {"root": True}}, "missing_required_parameter", "conversation"),
    ({"input": ""}, "empty_input", "input"),
    ({"input": "  \n "}, "empty_input", "input"),
    ({"input": None}, "empty_input", "input"),
    ({"input": []}, "empty_input", "input"),
    ({"input": 7}, "invalid_type", "input"),
    ({"input": ["Hello"]}, "invalid_type", "input[0]"),
    ({"input": [{"role": "user", "content": " "}]}, "empty_input", "input[0].content"),
    ({"input": [{"role": "user"}]}, "invalid_type", "input[0].content"),
    ({"input": [{"role": "king", "content": "Hi"}]}, "invalid_value", "input[0].role"),
    ({"input": [{"type": "poem"}]}, "unsupported_item", "input[0]"),
    ({"input": [{"type": "message", "role": "user", "content": [{"type": "smell"}]}]},
     "unsupported_content", "input[0].content[0]"),
    ({"input": [{"type": "item_reference", "id": "msg_none"}]}, "item_not_found", "input"),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
     "tool_call_not_found", "input"),
]  # fmt: skip


async def test_what_cannot_be_done_is_refused_by_its_name(chat):
    for fields, code, param in REFUSED:
        await chat.send("response.create", **{"input": "Hello", **fields})
        frame = await chat.refusal()
        assert (fields, frame["error"]["code"], frame["error"]["param"]) == (fields, code, param)
        assert (frame["status"], frame["error"]["type"]) == (400, "invalid_request_error")
        assert frame["error"]["message"]


async def test_items_may_come_in_many_shapes(chat, model):
    last = model.says("Good.")
    given = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "One"}]},
        {
            "type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
            "phase": None, "content": [
                {"type": "output_text", "text": "Two", "annotations": [], "logprobs": None}
            ],
        },
        {"type": "reasoning", "id": "rs_1", "status": None, "content": None, "summary": [],
         "encrypted_content": None},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}", "id": None},
        {"type": "function_call_output", "call_id": "c1", "output": "seen", "interject": 1},
        {"role": "user", "content": last, "id": "msg_2"},
    ]  # fmt: skip
    await chat.answer(given)
    assert said(await model.asked(last)) == [
        ("system", "Be kind."),
        ("user", "One"),
        ("assistant", "Two"),
        ("tool", "seen"),
        ("user", last),
    ]


async def test_a_reference_stands_for_the_item_that_it_names(chat, model):
    first, last = model.says("Blue."), model.says("Yes.")
    answered = await chat.answer(first)
    reference = {"type": None, "id": answered["output"][0]["id"]}
    await chat.answer([reference, {"role": "user", "content": last}])
    assert said(await model.asked(last)) == [("assistant", "Blue."), ("user", last)]


async def test_a_warm_up_says_nothing_and_may_be_a_parent(chat, model):
    await chat.send("response.create", generate=False, instructions="Be brief.")
    warmed = (await chat.until("response.completed"))["response"]
    assert warmed["output"] == []
    prompt = model.says("Yes.")
    response = await chat.answer(prompt, previous_response_id=warmed["id"])
    assert response["previous_response_id"] == warmed["id"]
    assert model.times_asked(prompt) == 1


async def test_the_input_of_a_warm_up_is_read_by_what_follows(chat, model):
    before, prompt = model.says("Never said."), model.says("Yes.")
    await chat.send("response.create", generate=False, input=before)
    warmed = (await chat.until("response.completed"))["response"]
    await chat.answer(prompt, previous_response_id=warmed["id"])
    assert said(await model.asked(prompt)) == [("user", before), ("user", prompt)]
    assert model.times_asked(before) == 0


async def test_response_processed_is_accepted_in_silence(chat):
    await chat.send("response.processed", response_id="resp_1", event_id="p")
    assert await chat.fence() == []


async def test_a_stream_id_is_on_everything_of_its_response_and_nothing_else(chat, model):
    prompt, steer = model.begins("One "), model.says("Two.")
    await chat.send("response.create", input=prompt, stream_id="left")
    first = (await chat.until("response.created"))["response"]["id"]
    await chat.shown(first, "One ")
    await chat.send("response.steer", previous_response_id=first, input=steer)
    await chat.end(first)
    successor = (await chat.until("response.created"))["response"]["id"]
    await chat.end(successor)
    assert [each for each in chat.frames if each.get("stream_id") != "left"] == []

    await chat.send("response.create", input="Hi", stream_id="right", colour="red")
    assert (await chat.refusal())["stream_id"] == "right"
    other = await chat.answer(model.says("Plain."))
    assert all("stream_id" not in event for event in chat.events(other["id"]))


async def test_a_stream_id_is_not_seen_by_other_connections(chat, model, served, account):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate), stream_id="left")
    async with served.connect(account) as connection:
        other = type(chat)(connection)
        conversation = chat.conversation_of(response_id)
        await other.follow(conversation)
        gate.open()
        await other.end(response_id)
        assert all("stream_id" not in frame for frame in other.frames)
