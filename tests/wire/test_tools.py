"""Function calls: their outputs, and what happens without."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests.gate import Gate
from tests.service import database_url
from tests.upstream_script import HANG, Script, call, chunk, done, finish, usage
from tests.wire import standard
from tests.wire.lines import TOOL, Line, Model, said, steer_behind_a_call, texts

STORED_OR_NOT = pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])


def calls(*call_ids: str | None) -> Script:
    """Something said, then a call of each id."""
    made = [call(index, call_id, "look", '{"n": 1}') for index, call_id in enumerate(call_ids)]
    return Script([chunk("Let me look."), *made, finish("tool_calls"), usage(), done()])


def output(call_id: str, text: str = "seen") -> dict[str, str]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


async def test_calls_become_items_and_their_outputs_continue(chat, model):
    first, last = model.answers(calls("call_1", "call_2")), model.says("All seen.")
    response = await chat.answer(first, tools=[TOOL])
    message, *made = response["output"]
    assert message["content"][0]["text"] == "Let me look."
    assert [(each["call_id"], each["name"]) for each in made] == [
        ("call_1", "look"),
        ("call_2", "look"),
    ]
    assert [json.loads(each["arguments"]) for each in made] == [{"n": 1}, {"n": 1}]

    outputs = [output("call_1"), output("call_2", "too")]
    after = await chat.answer(
        [*outputs, {"role": "user", "content": last}], previous_response_id=response["id"]
    )
    assert texts(after) == "All seen."
    asked = (await model.asked(last)).json["messages"]
    assert [each["id"] for each in asked[1]["tool_calls"]] == ["call_1", "call_2"]
    assert [(each["role"], each.get("tool_call_id")) for each in asked[2:]] == [
        ("tool", "call_1"),
        ("tool", "call_2"),
        ("user", None),
    ]


async def test_outputs_continue_by_conversation_too(chat, model):
    response = await chat.answer(model.answers(calls("call_1")), tools=[TOOL])
    last = model.says("Seen.")
    await chat.answer(
        [output("call_1"), {"role": "user", "content": last}], conversation=response["conversation"]
    )
    assert [role for role, _ in said(await model.asked(last))] == [
        "user", "assistant", "tool", "user",
    ]  # fmt: skip


@pytest.mark.parametrize("call_id", [None, "c" * 65], ids=["missing", "too long"])
async def test_a_call_id_that_cannot_be_kept_is_minted_anew(chat, model, call_id):
    response = await chat.answer(model.answers(calls(call_id)), tools=[TOOL])
    minted = response["output"][1]["call_id"]
    assert 0 < len(minted) <= 64
    last = model.says("Seen.")
    await chat.answer(
        [output(minted), {"role": "user", "content": last}], previous_response_id=response["id"]
    )
    asked = (await model.asked(last)).json["messages"]
    assert asked[1]["tool_calls"][0]["id"] == asked[2]["tool_call_id"] == minted


@STORED_OR_NOT
async def test_calls_that_are_not_answered_are_refused(chat, model, store):
    prompt = model.answers(calls("call_1", "call_2"))
    response = await chat.answer(prompt, tools=[TOOL], store=store)
    await chat.send(
        "response.create",
        input=[output("call_1"), {"role": "user", "content": "And?"}],
        previous_response_id=response["id"],
        store=store,
    )
    error = (await chat.refusal())["error"]
    assert (error["code"], error["param"]) == ("tool_output_missing", "input")
    assert "call_2" in error["message"]


@STORED_OR_NOT
async def test_an_output_that_answers_nothing_is_refused(chat, model, store):
    response = await chat.answer(model.answers(calls("call_1")), tools=[TOOL], store=store)
    await chat.send(
        "response.create",
        input=[output("call_1"), output("call_9")],
        previous_response_id=response["id"],
        store=store,
    )
    error = (await chat.refusal())["error"]
    assert (error["code"], error["param"]) == ("tool_call_not_found", "input")
    assert "call_9" in error["message"]


@STORED_OR_NOT
async def test_a_call_that_was_cut_needs_no_output(chat, model, store):
    response_id = await begin_a_call(chat, model, store)
    await chat.send("interject:cancel", response_id=response_id)
    cut = await chat.end(response_id)
    assert cut["output"][-1]["status"] == "incomplete"
    last = model.says("Fine.")
    after = await chat.answer(last, previous_response_id=response_id, store=store)
    assert texts(after) == "Fine."
    assert [role for role, _ in said(await model.asked(last))] == ["user", "assistant", "user"]


@STORED_OR_NOT
async def test_a_steer_in_the_middle_of_a_call_makes_a_successor(chat, model, store):
    response_id = await begin_a_call(chat, model, store)
    steer = model.says("Without looking, then.")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    steered = await chat.end(response_id)
    assert steered["incomplete_details"] == {"reason": "steered"}
    successor = (await chat.until("response.created", "response.steer.failed"))["response"]
    assert texts(await chat.end(successor["id"])) == "Without looking, then."


@STORED_OR_NOT
async def test_a_steer_of_what_has_called_waits_for_the_outputs(chat, model, store):
    """The call is whole, and the model went on to speak."""
    response_id = await steer_behind_a_call(chat, model, store=store)
    steered = await chat.end(response_id)
    assert [each["status"] for each in steered["output"]] == ["completed", "incomplete"]
    pending = await chat.until("response.steer.pending")
    assert [each["call_id"] for each in pending["required_input"]] == ["call_1"]

    last = model.says("Both heard.")
    outputs = [output("call_1"), {"role": "user", "content": last}]
    await chat.answer(outputs, previous_response_id=response_id, store=store)
    assert said(await model.asked(last))[-3:] == [
        ("user", "Gently."),
        ("tool", "seen"),
        ("user", last),
    ]


async def test_a_steer_of_what_stopped_at_calls_waits_for_their_outputs(chat, model):
    """It comes when the model has said its last word and the end is being written."""
    gate = Gate()
    calling = [chunk("Let me look."), call(0, "call_1", "look", "{}")]
    prompt = model.answers(Script([*calling, gate, finish("tool_calls"), usage(), done()]))
    response_id = await chat.prompt(prompt, tools=[TOOL])
    await chat.until("response.function_call_arguments.delta")
    async with no_end_for(response_id) as end_waits:
        gate.open()
        await end_waits()
        await chat.send("response.steer", previous_response_id=response_id, input="Gently.")
        await chat.until("response.steer.accepted")
    await chat.until("response.completed", response_id=response_id)
    pending = await chat.until("response.steer.pending")
    standard.check_with_openai(pending)
    assert pending["steer"]["previous_response_id"] == response_id
    assert pending["reason"] == "waiting_for_required_input"
    assert [(each["type"], each["call_id"]) for each in pending["required_input"]] == [
        ("function_call_output", "call_1")
    ]

    last = model.says("Both heard.")
    outputs = [output("call_1"), {"role": "user", "content": last}]
    await chat.answer(outputs, previous_response_id=response_id)
    assert said(await model.asked(last))[2:] == [
        ("user", "Gently."),
        ("tool", "seen"),
        ("user", last),
    ]


async def test_prompts_that_wait_do_so_until_the_calls_are_answered(chat, model):
    gate = Gate()
    response_id, conversation = await calls_behind(gate, chat, model)
    waiting, outputs = model.says("Later."), model.says("Seen.")
    await wait_in(chat, conversation, waiting, "p1")
    gate.open()
    await chat.end(response_id)
    seen = [output("call_1"), {"role": "user", "content": outputs}]
    assert texts(await chat.answer(seen, conversation=conversation)) == "Seen."
    created = (await chat.until("response.created"))["response"]
    assert texts(await chat.end(created["id"])) == "Later."
    assert [role for role, _ in said(await model.asked(waiting))] == [
        "user", "assistant", "tool", "user", "assistant", "user",
    ]  # fmt: skip
    assert model.times_asked(waiting) == 1


async def test_outputs_that_wait_go_before_prompts_that_wait(chat, model):
    gate = Gate()
    response_id, conversation = await calls_behind(gate, chat, model)
    waiting, outputs = model.says("Later."), model.says("Seen.")
    await wait_in(chat, conversation, waiting, "p1")
    seen = [output("call_1"), {"role": "user", "content": outputs}]
    await wait_in(chat, conversation, seen, "p2")
    gate.open()
    await chat.end(response_id)
    for text in ("Seen.", "Later."):
        created = (await chat.until("response.created"))["response"]
        assert texts(await chat.end(created["id"])) == text


async def calls_behind(gate: Gate, chat: Line, model: Model) -> tuple[str, str]:
    """A response that has made its call, and ends when the gate opens; its conversation."""
    calling = [call(0, "call_1", "look", "{}"), gate, finish("tool_calls"), usage(), done()]
    response_id = await chat.prompt(model.answers(Script(calling)), tools=[TOOL])
    await chat.until("response.function_call_arguments.delta")
    return response_id, chat.conversation_of(response_id)


async def wait_in(chat: Line, conversation: str, prompt: Any, event_id: str) -> None:
    await chat.send("response.create", input=prompt, conversation=conversation, event_id=event_id)
    await chat.until("interject:queued", target_event_id=event_id)


async def begin_a_call(chat: Line, model: Model, store: bool) -> str:
    """A response that is in the middle of writing a call."""
    begun = [chunk("Let me look."), call(0, "call_1", "look", '{"n":')]
    prompt = model.answers(Script([*begun, HANG]))
    response_id = await chat.prompt(prompt, tools=[TOOL], store=store)
    await chat.until("response.function_call_arguments.delta")
    return response_id


@contextlib.asynccontextmanager
async def no_end_for(response_id: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Hold the response's lease, so that its end must wait. Yields a wait for that."""
    lock = "SELECT FROM lease WHERE response_id = %s FOR UPDATE"
    blocked = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    async with await psycopg.AsyncConnection.connect(database_url()) as holder:
        assert (await holder.execute(lock, (response_id,))).rowcount == 1

        async def end_waits() -> None:
            async with asyncio.timeout(10):
                while not (await holder.execute(blocked, (holder.info.backend_pid,))).rowcount:
                    await asyncio.sleep(0.01)  # Postgres has no way to tell that somebody waits.

        yield end_waits
