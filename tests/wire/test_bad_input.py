"""Bad input: each is answered by its name, on a socket that stays open, beside a running stream."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.gate import Gate
from tests.wire import standard
from tests.wire.lines import Line, Model, line, plain, texts

NUL = "\\u0000"
CUT_SURROGATE = "\\ud800"
DEEP = "[" * 50_000 + "]" * 50_000
# Not too deep to be read, but for whoever goes through it by recursion.
DEEP_LIST = "[" * 600 + f'"{NUL}"' + "]" * 600
DEEP_OBJECT = '{"a":' * 480 + f'"{NUL}"' + "}" * 480


def create(**fields: Any) -> str:
    return json.dumps({"type": "response.create", "input": "Hello", **fields})


# Each frame as it goes over the wire, and the code and status of its answer.
FRAMES: dict[str, tuple[str | bytes, str, int]] = {
    "not JSON": ("hello", "invalid_json", 400),
    "an empty frame": ("", "invalid_json", 400),
    "JSON that is cut": ('{"type": "response.create"', "invalid_json", 400),
    "two objects": ('{"type": "a"} {"type": "b"}', "invalid_json", 400),
    "NaN": ('{"type": "response.create", "temperature": NaN}', "invalid_json", 400),
    "a list": ("[1, 2]", "invalid_frame", 400),
    "a string": ('"response.create"', "invalid_frame", 400),
    "null": ("null", "invalid_frame", 400),
    "a number": ("7", "invalid_frame", 400),
    "binary": (create().encode(), "invalid_frame", 400),
    "binary that is no text": (b"\xff\x00\xfe", "invalid_frame", 400),
    "no type": ("{}", "missing_required_parameter", 400),
    "a null type": ('{"type": null}', "missing_required_parameter", 400),
    "a number for a type": ('{"type": 7}', "invalid_type", 400),
    "an object for a type": ('{"type": {}}', "invalid_type", 400),
    "an unknown type": ('{"type": "response.destroy"}', "unknown_type", 400),
    "an unknown type of ours": ('{"type": "interject:destroy"}', "unknown_type", 400),
    "a type of the service's own": ('{"type": "response.created"}', "unknown_type", 400),
    "a type without end": (json.dumps({"type": "x" * 101}), "invalid_value", 400),
    "an event_id that is no string": (create(event_id=7), "invalid_type", 400),
    "an event_id that is too long": (create(event_id="x" * 65), "invalid_value", 400),
    "a stream_id that is no string": (create(stream_id=7), "invalid_type", 400),
    "an unknown model": (create(model="none-such"), "model_not_found", 400),
    "an empty input": (create(input=" "), "empty_input", 400),
    "no input": ('{"type": "response.create"}', "empty_input", 400),
    "NUL in the input": (f'{{"type":"response.create","input":"a{NUL}b"}}', "invalid_text", 400),
    "NUL in a name": (f'{{"type":"response.create","a{NUL}":"b"}}', "invalid_text", 400),
    "NUL deep in a list": (
        f'{{"type":"response.create","input":{DEEP_LIST}}}', "invalid_text", 400
    ),
    "NUL deep in an object": (
        f'{{"type":"response.create","input":{DEEP_OBJECT}}}', "invalid_text", 400
    ),
    "an item whose type is a list": (create(input=[{"type": ["a"]}]), "invalid_type", 400),
    "an item whose type is an object": (create(input=[{"type": {"a": 1}}]), "invalid_type", 400),
    "an item whose type is without end": (
        create(input=[{"type": "x" * 5000}]), "invalid_type", 400
    ),
    "a role that is a list": (create(input=[{"role": ["user"], "content": "x"}]),
                              "invalid_value", 400),
    "a part whose type is a list": (
        create(input=[{"role": "user", "content": [{"type": ["a"]}]}]), "invalid_type", 400
    ),
    "NUL in the type": (f'{{"type":"response.create{NUL}"}}', "invalid_text", 400),
    "a lone surrogate": (
        f'{{"type":"response.create","input":"a{CUT_SURROGATE}b"}}', "invalid_text", 400
    ),
    "a lone surrogate in a name": (
        f'{{"type":"response.create","{CUT_SURROGATE}":1}}', "invalid_text", 400
    ),
    "deep nesting": (f'{{"type":"response.create","input":{DEEP}}}', "invalid_json", 400),
    "nesting without an end": ('{"a":' * 200_000, "invalid_json", 400),
    "a number without end": (
        f'{{"type":"response.create","input":"x","max_output_tokens":{"9" * 5000}}}',
        "invalid_json", 400,
    ),
    "a huge float": (
        '{"type":"response.create","input":"x","temperature":1e999}', "invalid_json", 400
    ),
    "a negative number": (create(max_output_tokens=-1), "invalid_type", 400),
    "a cancel of nothing": ('{"type":"interject:cancel"}', "missing_required_parameter", 400),
    "a cancel of a number": ('{"type":"interject:cancel","response_id":7}', "invalid_type", 400),
    "a steer of nothing": (
        '{"type":"response.steer","input":"x"}', "missing_required_parameter", 400
    ),
    "a follow of nothing": ('{"type":"interject:follow"}', "missing_required_parameter", 400),
    "an unfollow of nothing": ('{"type":"interject:unfollow"}', "missing_required_parameter", 400),
    "an ack of nothing": ('{"type":"interject:ack"}', "missing_required_parameter", 400),
    "an ack without a number": (
        '{"type":"interject:ack","response_id":"r"}', "missing_required_parameter", 400
    ),
    "an ack of a fraction": (
        '{"type":"interject:ack","response_id":"r","sequence_number":1.5}', "invalid_type", 400
    ),
    "an ack of the future": (
        '{"type":"interject:ack","response_id":"r","sequence_number":0}',
        "invalid_sequence_number", 400,
    ),
    "an ack of a huge number": (
        f'{{"type":"interject:ack","response_id":"r","sequence_number":{10**30}}}',
        "invalid_sequence_number", 400,
    ),
    "a cursor of a huge number": (
        '{"type":"interject:follow","conversation":"c","after":'
        f'[{{"response_id":"r","sequence_number":{10**30}}}]}}', "conversation_not_found", 400,
    ),
    "feedback on nothing": (
        '{"type":"interject:feedback","rating":1}', "missing_required_parameter", 400
    ),
    "feedback without a rating": (
        '{"type":"interject:feedback","response_id":"r"}', "missing_required_parameter", 400
    ),
    "feedback out of range": (
        '{"type":"interject:feedback","response_id":"r","rating":2}', "invalid_value", 400
    ),
    "feedback that is true": (
        '{"type":"interject:feedback","response_id":"r","rating":true}', "invalid_type", 400
    ),
    "tags that are no strings": (
        '{"type":"interject:feedback","response_id":"r","rating":1,"tags":[7]}',
        "invalid_value", 400,
    ),
    "too many tags": (
        json.dumps({"type": "interject:feedback", "response_id": "r", "rating": 1,
                    "tags": ["x"] * 11}), "invalid_value", 400,
    ),
    "a comment without end": (
        json.dumps({"type": "interject:feedback", "response_id": "r", "rating": 1,
                    "comment": "x" * 4001}), "invalid_value", 400,
    ),
    "a dequeue of nothing": ('{"type":"interject:dequeue"}', "missing_required_parameter", 400),
    "typing nowhere": ('{"type":"interject:typing"}', "missing_required_parameter", 400),
}  # fmt: skip


@asynccontextmanager
async def running(chat: Line, model: Model) -> AsyncIterator[str]:
    """A stream that runs meanwhile, and is whole at its end."""
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two ", "three", gate=gate))
    await chat.shown(response_id, "One two ")
    yield response_id
    gate.open()
    response = await chat.end(response_id)
    assert (response["status"], texts(response)) == ("completed", "One two three")
    assert chat.text_of(response_id) == "One two three"
    assert chat.numbers(response_id) == list(range(len(chat.numbers(response_id))))


async def test_every_bad_frame_is_answered_and_the_stream_goes_on(chat, model):
    async with running(chat, model):
        # A prompt waits behind the response that runs, and its answer with it: another line asks.
        for name, (frame, code, status) in FRAMES.items():
            if code in WAITING_CODES and "response.create" in str(frame):
                continue
            await chat.connection.send(frame)
            answer = await chat.refusal()
            assert (name, answer["error"]["code"], answer["status"]) == (name, code, status)
            standard.check_with_openai(answer)
            standard.check_error_frame(answer)


WAITING_CODES = ("model_not_found", "item_not_found")


@pytest.mark.parametrize("name", [name for name in FRAMES if FRAMES[name][1] in WAITING_CODES])
async def test_what_a_prompt_asks_for_is_refused_when_its_turn_comes(chat, name):
    frame, code, status = FRAMES[name]
    await chat.connection.send(frame)
    answer = await chat.refusal()
    assert (answer["error"]["code"], answer["status"]) == (code, status)


async def test_an_error_has_all_of_its_fields_and_echoes_ids(chat):
    await chat.send("response.create", input="Hi", colour=1, event_id="e", stream_id="s")
    assert await chat.refusal() == {
        "type": "error", "status": 400, "event_id": "e", "stream_id": "s",
        "error": {"type": "invalid_request_error", "code": "unknown_parameter",
                  "message": "Unknown parameter: 'colour'.", "param": "colour"},
    }  # fmt: skip
    await chat.send("interject:cancel", response_id="resp_none", event_id="c")
    frame = await chat.refusal()
    assert (frame["event_id"], frame["response_id"]) == ("c", "resp_none")
    assert (frame["error"]["code"], frame["error"]["param"]) == (
        "response_not_found", "response_id",
    )  # fmt: skip
    assert "sequence_number" not in frame


async def test_an_ack_beyond_what_was_sent_is_refused(chat, model):
    async with running(chat, model) as response_id:
        number = max(chat.numbers(response_id)) + 1
        await chat.send("interject:ack", response_id=response_id, sequence_number=number)
        assert (await chat.refusal())["error"]["code"] == "invalid_sequence_number"
        await chat.send("interject:ack", response_id=response_id, sequence_number=number - 1)
        assert await chat.fence() == []


STEERS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "invalid_input"),
    "an empty text": ("  ", "invalid_input"),
    "an empty list": ([], "invalid_input"),
    "a number": (7, "invalid_input"),
    "an answer": ([{"role": "assistant", "content": "I say so."}], "invalid_input"),
    "an output": (
        [{"type": "function_call_output", "call_id": "c", "output": "x"}], "invalid_input"
    ),
    "a smell": ([{"role": "user", "content": [{"type": "smell"}]}], "invalid_input"),
    "a list for a type": ([{"type": ["a"]}], "invalid_input"),
    "a list for a role": ([{"role": ["user"], "content": "x"}], "invalid_input"),
}  # fmt: skip


async def test_a_bad_steer_gives_its_input_back_and_stops_nothing(chat, model):
    async with running(chat, model) as response_id:
        for name, (given, code) in STEERS.items():
            await chat.send(
                "response.steer", previous_response_id=response_id, input=given, event_id=name
            )
            failed = await chat.until("response.steer.failed")
            assert (failed["event_id"], failed["error"]["code"]) == (name, code)
            assert failed["steer"].get("input") == given
            assert failed["steer"]["previous_response_id"] == response_id


async def test_what_is_finished_cannot_be_steered(chat, model):
    completed = await chat.answer(model.says("Done."))
    running_id = await chat.prompt(model.begins("One "))
    await chat.send("interject:cancel", response_id=running_id)
    await chat.end(running_id)
    for response_id, code in (
        (completed["id"], "response_already_completed"),
        (running_id, "response_not_active"),
        ("resp_none", "response_not_found"),
    ):
        await chat.send("response.steer", previous_response_id=response_id, input="Wait!")
        failed = await chat.until("response.steer.failed")
        assert (failed["error"]["code"], failed["steer"]["input"]) == (code, "Wait!")


async def test_a_thousand_frames_at_once_are_limited_and_the_stream_goes_on(
    chat, model, served, account
):
    async with line(served, account) as flood, running(flood, model) as response_id:
        for _ in range(1000):
            await flood.send("interject:typing", conversation="conv_none")
        limited = await flood.refusal(status=429)
        assert limited["error"]["type"] == "rate_limit_error"
        assert limited["error"]["code"] == "rate_limit_exceeded"
        assert "Try again in" in limited["error"]["message"]
        # Another connection of the same user is not held up.
        await chat.send("interject:feedback", response_id=response_id, rating=1)
        await chat.until("interject:feedback")


async def test_too_many_prompts_at_once_are_refused_and_the_others_run(served, account, model):
    gate = Gate()
    async with plain(served, account) as simple:
        await simple.prompt(model.says("One ", "two", gate=gate))
        for number in range(110):
            await simple.send("response.create", input="x", colour=None, event_id=f"e{number}",
                              model="no-such-model")  # fmt: skip
        assert (await simple.refusal())["error"]["code"] == "rate_limit_exceeded"
        gate.open()
        await simple.until("response.completed")
        refused = [(await simple.refusal(status=400))["error"]["code"] for _ in range(100)]
        assert set(refused) == {"model_not_found"}


async def test_prompts_that_wait_hold_so_much_together_and_a_stop_goes_past_them(
    served, account, model
):
    large = "x" * (12 * 1024 * 1024)
    async with line(served, account) as chat:
        response_id = await chat.prompt(model.begins("One "))
        for number in range(3):
            await chat.send(
                "response.create", input=large, model="no-such-model", event_id=f"e{number}"
            )
        refused = await chat.refusal()
        assert (refused["event_id"], refused["error"]["code"]) == ("e2", "rate_limit_exceeded")
        await chat.send("interject:cancel", response_id=response_id)
        assert (await chat.end(response_id))["status"] == "cancelled"
        assert [(await chat.refusal(status=400))["event_id"] for _ in range(2)] == ["e0", "e1"]


async def test_numbers_that_are_only_large_are_taken(chat, model):
    response = await chat.answer(model.says("Yes."), max_output_tokens=10**30)
    assert response["max_output_tokens"] == 10**30
