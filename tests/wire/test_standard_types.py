"""Every standard event that is sent is what the `openai` package and the schemas say that it is."""

from typing import Any

import pytest

from tests.gate import Gate
from tests.upstream_script import (
    Script,
    call,
    chunk,
    delta,
    done,
    finish,
    refusal,
    think,
    usage,
    whole,
)
from tests.wire import standard
from tests.wire.lines import TOOL, is_event

CITED = [
    {"type": "url_citation", "url_citation": {"url": "https://example.org/", "title": "A page"}}
]
# What upstream says, the settings of the prompt, and the types of event that must be among those
# that come, beside the usual ones.
SCENES: dict[str, tuple[Script, dict[str, Any], set[str]]] = {
    "text": (
        whole("Hello, ", "world"),
        {
            "instructions": "Be brief.",
            "temperature": 0.5,
            "top_p": 0.9,
            "metadata": {"a": "b"},
            "reasoning": {"effort": "low"},
            "text": {"format": {"type": "text"}, "verbosity": "low"},
            "max_output_tokens": 100,
            "prompt_cache_key": "key",
            "safety_identifier": "somebody",
            "user": "somebody",
        },
        {"response.output_text.delta", "response.output_text.done", "response.completed"},
    ),
    "reasoning": (
        Script([think("Let me "), think("see."), chunk("Yes."), finish(), usage(), done()]),
        {},
        {
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.completed",
        },
    ),
    "refusal": (
        Script([delta(refusal="I will "), delta(refusal="not."), finish(), usage(), done()]),
        {},
        {"response.refusal.delta", "response.refusal.done", "response.completed"},
    ),
    "calls": (
        Script(
            [
                chunk("Looking."),
                call(0, "call_1", "look", '{"at":'),
                call(0, None, None, ' "it"}'),
                call(1, "call_2", "look", "{}"),
                finish("tool_calls"),
                usage(),
                done(),
            ]
        ),
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look"}},
        {
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.completed",
        },
    ),
    "annotations": (
        Script([chunk("As written."), delta(annotations=CITED), finish(), usage(), done()]),
        {},
        {"response.output_text.annotation.added", "response.completed"},
    ),
    "failed": (refusal(500), {}, {"response.failed"}),
    "cut short": (
        Script([chunk("Half a"), finish("length"), usage(), done()]),
        {},
        {"response.incomplete"},
    ),
    "failed in the middle": (Script([chunk("Half a")]), {}, {"response.incomplete"}),
}


@pytest.mark.parametrize("scene", SCENES)
async def test_every_event_is_of_the_type_that_it_says(chat, model, scene):
    script, settings, wanted = SCENES[scene]
    prompt = model.answers(script)
    response_id = await chat.prompt(prompt, **settings)
    response = await chat.end(response_id)

    events = chat.events(response_id)
    assert wanted | {"response.created", "response.in_progress"} <= {e["type"] for e in events}
    for event in events:
        standard.check_with_openai(event)
    for event in events:
        standard.check_with_schemas(event)
    standard.check_response(response)
    for item in response["output"]:
        standard.check_item(item)


async def test_the_events_of_a_prompt_that_waited_and_was_cancelled(chat, model):
    gate = Gate()
    first = await chat.prompt(model.says("one ", "two", gate=gate))
    conversation = chat.conversation_of(first)
    waiting = model.begins("three ")
    await chat.send("response.create", input=waiting, conversation=conversation, event_id="w")
    await chat.until("interject:queued")
    gate.open()
    second = (await chat.until("response.created"))["response"]
    assert second["status"] == "queued"
    await chat.shown(second["id"], "three ")
    await chat.send("interject:cancel", response_id=second["id"])
    ended = await chat.end(second["id"])
    assert ended["status"] == "cancelled"

    kinds = chat.kinds(second["id"])
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    for event in chat.events(second["id"]):
        standard.check_with_openai(event)
        standard.check_with_schemas(event)


async def test_the_steering_events(chat, model):
    prompt, steer = model.begins("One ", "two "), model.says("Better.")
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One two ")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    accepted = await chat.until("response.steer.accepted")
    await chat.end(response_id)
    await chat.end((await chat.until("response.created"))["response"]["id"])
    await chat.send("response.steer", previous_response_id="resp_none", input="Again.")
    failed = await chat.until("response.steer.failed")
    for event in (accepted, failed):
        standard.check_with_openai(event)
    for event in filter(is_event, chat.frames):
        standard.check_with_openai(event)
        standard.check_with_schemas(event)


async def test_an_error_frame(chat):
    await chat.send("response.create", input="Hello", nonsense=1)
    frame = await chat.refusal()
    standard.check_with_openai(frame)
    standard.check_error_frame(frame)
