"""Steering: a running response is given input, and goes on as its successor."""

import pytest

from tests.gate import Gate
from tests.upstream_script import Script, think
from tests.wire.lines import line, plain, said, steer_behind_a_call, texts
from tests.wire.locks import holding

STORED_OR_NOT = pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])

SETTINGS = {
    "instructions": "Rhyme.",
    "temperature": 0.5,
    "top_p": 0.25,
    "max_output_tokens": 50,
    "metadata": {"colour": "red"},
    "tools": [{"type": "function", "name": "look", "parameters": {}, "strict": False,
               "description": None}],
    "model": "other-model",
    "user": "somebody",
}  # fmt: skip


async def test_upstream_is_closed_and_the_successor_reads_what_was_said(chat, model):
    prompt, steer = model.begins("One ", "two "), model.says("Three.")
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One two ")
    await chat.send("response.steer", previous_response_id=response_id, input=steer, event_id="s")
    accepted = await chat.until("response.steer.accepted")
    assert (accepted["event_id"], accepted["steer"]["previous_response_id"]) == ("s", response_id)
    steered = await chat.end(response_id)
    await (await model.asked(prompt)).closed()
    assert (steered["status"], steered["incomplete_details"]) == (
        "incomplete", {"reason": "steered"},
    )  # fmt: skip
    assert texts(steered) == chat.text_of(response_id) == "One two "
    successor = (await chat.until("response.created"))["response"]
    assert successor["previous_response_id"] == response_id
    assert successor["conversation"] == steered["conversation"]
    assert texts(await chat.end(successor["id"])) == "Three."
    assert said(await model.asked(steer)) == [
        ("user", prompt), ("assistant", "One two "), ("user", steer),
    ]  # fmt: skip


async def test_the_successor_inherits_every_setting(chat, model):
    prompt, steer = model.begins("One "), model.says("Two.")
    response_id = await chat.prompt(prompt, **SETTINGS)
    await chat.shown(response_id, "One ")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    await chat.end(response_id)
    successor = await chat.end((await chat.until("response.created"))["response"]["id"])
    assert {name: successor[name] for name in SETTINGS} == SETTINGS
    before, after = (await model.asked(prompt)).json, (await model.asked(steer)).json
    assert after["messages"][0] == {"role": "system", "content": "Rhyme."}
    assert {**before, "messages": None} == {**after, "messages": None}


async def test_a_steer_may_be_a_list_of_messages(chat, model):
    steer = model.says("Two.")
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    given = [{"role": "user", "content": "First."}, {"type": "message", "role": "user",
             "content": [{"type": "input_text", "text": steer}]}]  # fmt: skip
    await chat.send("response.steer", previous_response_id=response_id, input=given)
    await chat.end(response_id)
    await chat.until("response.completed")
    assert said(await model.asked(steer))[2:] == [("user", "First."), ("user", steer)]


async def test_before_the_first_word(chat, model):
    prompt, steer = model.is_silent(), model.says("Two.")
    response_id = await chat.prompt(prompt)
    seen = await model.asked(prompt)
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    steered = await chat.end(response_id)
    await seen.closed()
    assert (steered["status"], steered["output"]) == ("incomplete", [])
    assert texts((await chat.until("response.completed"))["response"]) == "Two."
    assert said(await model.asked(steer)) == [("user", prompt), ("user", steer)]


async def test_while_it_thinks(chat, model):
    prompt = model.answers(Script([think("Hm."), Gate()]))
    steer = model.says("Two.")
    response_id = await chat.prompt(prompt)
    await chat.until("response.reasoning_summary_text.delta")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    steered = await chat.end(response_id)
    assert [each["type"] for each in steered["output"]] == ["reasoning"]
    assert texts((await chat.until("response.completed"))["response"]) == "Two."


async def test_a_successor_may_be_steered_too(chat, model):
    first = await chat.prompt(model.begins("One "))
    await chat.shown(first, "One ")
    middle, last = model.begins("Two "), model.says("Three.")
    await chat.send("response.steer", previous_response_id=first, input=middle)
    await chat.end(first)
    second = (await chat.until("response.created"))["response"]["id"]
    await chat.shown(second, "Two ")
    # By the name of the response that was steered: it means its live successor.
    await chat.send("response.steer", previous_response_id=first, input=last)
    accepted = await chat.until("response.steer.accepted")
    assert accepted["steer"]["previous_response_id"] == second
    await chat.end(second)
    assert texts((await chat.until("response.completed"))["response"]) == "Three."
    assert [text for _, text in said(await model.asked(last))][1:] == ["One ", middle, "Two ", last]


async def test_a_cancel_of_what_was_steered_stops_its_successor(chat, model):
    first = await chat.prompt(model.begins("One "))
    await chat.shown(first, "One ")
    middle = model.begins("Two ")
    await chat.send("response.steer", previous_response_id=first, input=middle)
    await chat.end(first)
    second = (await chat.until("response.created"))["response"]["id"]
    await chat.shown(second, "Two ")
    await chat.send("interject:cancel", response_id=first)
    assert (await chat.end(second))["status"] == "cancelled"
    await (await model.asked(middle)).closed()
    assert (await chat.until("interject:cancelled"))["response_id"] == second


async def test_the_successor_goes_to_whoever_steered_and_not_to_a_plain_creator(
    served, account, model
):
    async with plain(served, account) as simple, plain(served, account) as steering:
        response_id = await simple.prompt(model.begins("One "))
        await simple.shown(response_id, "One ")
        steer = model.says("Two.")
        await steering.send("response.steer", previous_response_id=response_id, input=steer)
        completed = (await steering.until("response.completed"))["response"]
        assert texts(completed) == "Two."
        assert (await simple.end(response_id))["incomplete_details"] == {"reason": "steered"}
        await simple.fence()
        assert simple.events(completed["id"]) == []


async def test_followers_get_the_successor(chat, model, served, account):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    async with line(served, account) as tab:
        await tab.follow(chat.conversation_of(response_id))
        steer = model.says("Two.")
        await chat.send("response.steer", previous_response_id=response_id, input=steer)
        completed = (await tab.until("response.completed"))["response"]
        assert (completed["previous_response_id"], texts(completed)) == (response_id, "Two.")
        assert tab.numbers(completed["id"]) == list(range(len(tab.numbers(completed["id"]))))


@STORED_OR_NOT
async def test_all_answers_to_a_steer_bear_the_name_of_its_stream(chat, model, store):
    response_id = await steer_behind_a_call(chat, model, store=store, stream_id="s")
    for kind in ("accepted", "pending"):
        assert (await chat.until(f"response.steer.{kind}"))["stream_id"] == "s"
    await chat.send("response.steer", previous_response_id=response_id, input="Gently.")
    failed = await chat.until("response.steer.failed")
    assert (failed["stream_id"], failed["steer"]["input"]) == ("s", "Gently.")
    assert failed["sequence_number"] == max(chat.numbers(response_id))


async def test_a_steer_that_cannot_be_kept_now_is_given_back(chat, model):
    response_id = await chat.prompt(model.begins("One "), stream_id="s")
    await chat.shown(response_id, "One ")
    async with holding() as other:
        await other.hold("SELECT FROM chat_response WHERE id = %s FOR UPDATE", response_id)
        await chat.send(
            "response.steer", previous_response_id=response_id, input="Wait.", event_id="e"
        )
        await other.turn_away()
        failed = await chat.until("response.steer.failed", "error")
    assert (failed["type"], failed["steer"]["input"]) == ("response.steer.failed", "Wait.")
    assert (failed["error"]["type"], failed["error"]["code"]) == ("server_error", "unavailable")
    assert (failed["event_id"], failed["stream_id"]) == ("e", "s")
