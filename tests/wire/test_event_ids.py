"""The same `event_id` of the same user is done once, and answered again."""

import pytest

from chat.models import Conversation, Feedback, Log, Response
from tests.gate import Gate
from tests.upstream_script import Script, call, chunk, done, finish, usage
from tests.wire.lines import TERMINAL, TOOL, Line, kept, line, said, texts
from tests.wire.locks import holding


async def test_a_prompt_that_comes_twice_is_run_once_and_replayed(chat, model, account):
    prompt = model.says("Once.")
    first = await chat.answer(prompt, event_id="p")
    await chat.fence()
    before = chat.events(first["id"])
    chat.frames.clear()
    second = await chat.answer(prompt, event_id="p")
    assert second == first
    assert chat.events(first["id"]) == before
    assert model.times_asked(prompt) == 1
    assert await kept(lambda: Conversation.objects.filter(owner=account.user).count()) == 1


async def test_a_prompt_repeated_from_a_second_connection_joins_what_runs(
    chat, model, served, account
):
    gate = Gate()
    prompt = model.says("One ", "two", gate=gate)
    response_id = await chat.prompt(prompt, event_id="p")
    await chat.shown(response_id, "One ")
    async with line(served, account) as other:
        assert await other.prompt(prompt, event_id="p") == response_id
        await other.shown(response_id, "One ")
        gate.open()
        assert texts(await other.end(response_id)) == "One two"
        assert other.numbers(response_id) == list(range(len(other.numbers(response_id))))
    assert model.times_asked(prompt) == 1


async def test_two_connections_that_send_the_same_prompt_at_once_get_one_response(
    chat, model, served, account
):
    prompt = model.says("Once.")
    async with line(served, account) as other:
        for each in (chat, other):
            await each.send("response.create", input=prompt, event_id="p")
        ended = [(await each.until("response.completed"))["response"] for each in (chat, other)]
    assert ended[0] == ended[1]
    assert model.times_asked(prompt) == 1


async def test_another_payload_under_the_same_id_is_refused(chat, model):
    await chat.answer(model.says("Once."), event_id="p")
    await chat.send("response.create", input="Something else.", event_id="p")
    frame = await chat.refusal()
    assert (frame["status"], frame["error"]["code"]) == (400, "event_id_reused")
    assert (frame["event_id"], frame["error"]["param"]) == ("p", "event_id")


async def test_another_kind_of_frame_under_the_same_id_is_refused(chat, model):
    response = await chat.answer(model.says("Once."), event_id="p")
    for kind, fields in (
        ("interject:feedback", {"response_id": response["id"], "rating": 1}),
        ("interject:cancel", {"response_id": response["id"]}),
        ("interject:dequeue", {"target_event_id": "p"}),
    ):
        await chat.send(kind, event_id="p", **fields)
        assert (await chat.refusal())["error"]["code"] == "event_id_reused"
    assert await kept(lambda: Feedback.objects.filter(response=response["id"]).count()) == 0


async def test_another_user_may_use_the_same_id(chat, model, served, stranger):
    mine, theirs = model.says("Mine."), model.says("Theirs.")
    await chat.answer(mine, event_id="p")
    async with line(served, stranger) as other:
        assert texts(await other.answer(theirs, event_id="p")) == "Theirs."


async def test_a_waiting_prompt_that_comes_twice_waits_once(chat, model, served, account):
    gate = Gate()
    first = await chat.prompt(model.says("One ", "two", gate=gate))
    conversation, waiting = chat.conversation_of(first), model.says("Three.")
    asked = {"input": waiting, "conversation": conversation, "event_id": "p"}
    await chat.send("response.create", **asked)
    await chat.until("interject:queued", target_event_id="p")
    async with line(served, account) as other:
        await other.send("response.create", **asked)
        again = await other.until("interject:queued", target_event_id="p")
        assert again["position"] == 1
        gate.open()
        await chat.end(first)
        for each in (chat, other):
            response = (await each.until("response.completed"))["response"]
            assert texts(response) == "Three."
    assert model.times_asked(waiting) == 1
    assert len(said(await model.asked(waiting))) == 3


@pytest.mark.parametrize("frame", ["interject:dequeue", "interject:cancel"])
async def test_a_withdrawal_that_comes_twice_gives_the_whole_prompt_back_twice(chat, model, frame):
    conversation = chat.conversation_of(await chat.prompt(model.begins("One ")))
    prompt = "long " * 1_000  # The queue shows a preview of it only.
    await chat.send("response.create", input=prompt, conversation=conversation, event_id="waits")
    await chat.until("interject:queued", target_event_id="waits")
    for _ in range(2):
        await chat.send(frame, target_event_id="waits", event_id="once")
        answer = await chat.until("interject:dequeued", event_id="once")
        assert (answer["conversation"], answer["input"]) == (conversation, prompt)


async def test_another_payload_for_a_waiting_prompt_is_refused(chat, model):
    first = await chat.prompt(model.begins("One "))
    conversation = chat.conversation_of(first)
    await chat.send("response.create", input="A", conversation=conversation, event_id="p")
    await chat.until("interject:queued")
    await chat.send("response.create", input="B", conversation=conversation, event_id="p")
    assert (await chat.refusal())["error"]["code"] == "event_id_reused"


async def test_a_steer_that_comes_twice_is_used_once(chat, model, served, account):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    steer = model.says("Two.")
    asked = {"previous_response_id": response_id, "input": steer, "event_id": "s"}
    await chat.send("response.steer", **asked)
    first = await chat.until("response.steer.accepted")
    await chat.end(response_id)
    successor = (await chat.until("response.created"))["response"]
    await chat.end(successor["id"])
    await chat.send("response.steer", **asked)
    again = await chat.until("response.steer.accepted", "response.steer.failed")
    assert (again["type"], again.get("steer")) == ("response.steer.accepted", first["steer"])
    assert again["event_id"] == "s"
    count = await kept(lambda: Response.objects.filter(parent=response_id).count())
    assert (count, model.times_asked(steer)) == (1, 1)


async def test_feedback_that_comes_twice_is_answered_twice(chat, model):
    response = await chat.answer(model.says("One."))
    asked = {"response_id": response["id"], "rating": 1, "event_id": "f"}
    await chat.send("interject:feedback", **asked)
    first = await chat.until("interject:feedback")
    await chat.send("interject:feedback", **asked)
    assert await chat.until("interject:feedback") == first
    await chat.send("interject:feedback", **{**asked, "rating": -1})
    assert (await chat.refusal())["error"]["code"] == "event_id_reused"
    ratings = await kept(
        lambda: list(
            Feedback.objects.filter(response=response["id"]).values_list("rating", flat=True)
        )
    )
    assert ratings == [1]


async def test_a_repeated_feedback_does_not_undo_a_later_one(chat, model):
    response = await chat.answer(model.says("One."))
    first = {"response_id": response["id"], "rating": 1, "event_id": "f1"}
    for asked in (first, {**first, "rating": -1, "event_id": "f2"}, first):
        await chat.send("interject:feedback", **asked)
        await chat.until("interject:feedback", event_id=asked["event_id"])
    found = await kept(lambda: Feedback.objects.get(response=response["id"]).rating)
    assert found == -1


async def test_a_cancel_that_comes_twice_is_answered_twice(chat, model):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    for _ in range(2):
        await chat.send("interject:cancel", response_id=response_id, event_id="c")
    receipts = [await chat.until("interject:cancelled", event_id="c") for _ in range(2)]
    assert receipts[0]["receipt"]["asked_at"] == receipts[1]["receipt"]["asked_at"]


async def test_feedback_that_could_not_be_written_is_written_when_it_comes_again(chat, model):
    response = await chat.answer(model.says("One."))
    asked = {"response_id": response["id"], "rating": 1, "event_id": "f"}
    async with holding() as other:
        # A judgement takes a share of its response.
        await other.hold("SELECT FROM chat_response WHERE id = %s FOR UPDATE", response["id"])
        await chat.send("interject:feedback", **asked)
        await other.turn_away()
        assert (await chat.refusal(event_id="f"))["status"] == 503
    await chat.send("interject:feedback", **asked)
    assert (await chat.until("interject:feedback", event_id="f"))["rating"] == 1


# --- what was done once, and is gone


@pytest.mark.parametrize("query", ["?interject=1", ""], ids=["ours", "plain"])
async def test_a_prompt_that_was_withdrawn_is_refused_when_it_comes_again(
    chat, model, served, account, query
):
    conversation = chat.conversation_of(await chat.prompt(model.begins("One ")))
    asked = {"input": "Never.", "conversation": conversation, "event_id": "p"}
    await chat.send("response.create", **asked)
    await chat.until("interject:queued", target_event_id="p")
    await chat.send("interject:dequeue", target_event_id="p")
    await chat.until("interject:dequeued")
    async with line(served, account, query=query) as other:
        await other.send("response.create", **asked, stream_id="s")
        frame = await other.refusal()
        assert (frame["error"]["code"], frame["event_id"]) == ("prompt_withdrawn", "p")
        assert frame["stream_id"] == "s"


async def test_a_prompt_whose_events_are_dropped_is_answered_by_its_last_one(chat, model):
    prompt = model.answers(
        Script([chunk("Look."), call(0, "call_1", "look", "{}"), finish("tool_calls"), done()])
    )
    first = await chat.answer(prompt, tools=[TOOL], event_id="p")
    last = chat.events(first["id"])[-1]
    await kept(lambda: Log.objects.filter(response_id=first["id"]).delete())
    chat.frames.clear()
    await chat.send("response.create", input=prompt, tools=[TOOL], event_id="p", stream_id="s")
    assert await chat.until(*TERMINAL) == {**last, "stream_id": "s"}
    assert await chat.fence() == []


# --- what was done once, and could not be done now


async def test_outputs_that_come_again_after_their_response_ended_are_answered_again(chat, model):
    script = Script([call(0, "call_1", "look", "{}"), finish("tool_calls"), usage(), done()])
    called = await chat.answer(model.answers(script), tools=[TOOL])
    last = model.says("Seen.")
    asked = {
        "conversation": called["conversation"]["id"],
        "input": [
            {"type": "function_call_output", "call_id": "call_1", "output": "seen"},
            {"role": "user", "content": last},
        ],
        "event_id": "p",
    }
    await assert_answered_twice(chat, chat, asked)
    assert model.times_asked(last) == 1


async def test_a_stored_child_of_what_is_not_stored_is_answered_again_on_a_new_connection(
    chat, model, served, account
):
    parent = await chat.answer(model.says("One."), store=False)
    asked = {"previous_response_id": parent["id"], "input": model.says("Two."), "event_id": "p"}
    async with line(served, account) as other:
        await assert_answered_twice(chat, other, asked)
    assert model.times_asked(asked["input"]) == 1


async def assert_answered_twice(first: Line, second: Line, asked: dict) -> None:
    ended = []
    for each in (first, second):
        await each.send("response.create", **asked)
        created = await each.until("response.created", "error")
        assert created["type"] == "response.created", created
        ended.append(await each.end(created["response"]["id"]))
    assert ended[0] == ended[1]


async def test_another_payload_that_is_refused_anyway_is_refused_for_its_id(chat, model):
    await chat.answer(model.says("Once."), event_id="p")
    await chat.send("response.create", input="?", previous_response_id="resp_none", event_id="p")
    assert (await chat.refusal())["error"]["code"] == "event_id_reused"


async def test_frames_without_an_id_are_done_each_time(chat, model):
    prompt = model.says("Again.")
    first, second = await chat.answer(prompt), await chat.answer(prompt)
    assert first["id"] != second["id"]
    assert model.times_asked(prompt) == 2
