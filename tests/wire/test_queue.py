"""Prompts that wait in a conversation: kept, shown with their places, withdrawn at will."""

from typing import Any

from chat.models import WaitingPrompt
from tests.gate import Gate
from tests.wire.lines import Line, Model, kept, line, plain, post, said, texts


async def busy(chat: Line, model: Model, gate: Gate) -> tuple[str, str]:
    """A conversation whose response runs until the gate opens: its id and the response's."""
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    await chat.shown(response_id, "One ")
    return chat.conversation_of(response_id), response_id


async def queue(chat: Line, conversation: str, prompt: str, event_id: str) -> dict[str, Any]:
    await chat.send("response.create", input=prompt, conversation=conversation, event_id=event_id)
    return await chat.until("interject:queued", target_event_id=event_id)


async def test_a_busy_conversation_queues_prompts_in_order(chat, model):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    prompts = [model.says("Three."), model.says("Four.")]
    for place, prompt in enumerate(prompts, 1):
        queued = await queue(chat, conversation, prompt, f"p{place}")
        assert (queued["position"], queued["input"]) == (place, prompt)
        assert (queued["conversation"], queued["mine"]) == (conversation, True)
    gate.open()
    await chat.end(first)
    for place, (prompt, text) in enumerate(zip(prompts, ["Three.", "Four."], strict=True), 1):
        created = (await chat.until("response.created"))["response"]
        assert (created["status"], created["interject"]["event_id"]) == ("queued", f"p{place}")
        assert texts(await chat.end(created["id"])) == text
        assert chat.kinds(created["id"])[:3] == [
            "response.created", "response.queued", "response.in_progress",
        ]  # fmt: skip
        assert len(said(await model.asked(prompt))) == 1 + 2 * place


async def test_positions_move_up_when_a_prompt_leaves(chat, model):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    third = model.says("Four.")
    await queue(chat, conversation, model.says("Three."), "p1")
    await queue(chat, conversation, third, "p2")
    gate.open()
    await chat.end(first)
    dequeued = await chat.until("interject:dequeued", target_event_id="p1")
    assert (dequeued["reason"], dequeued["conversation"]) == ("started", conversation)
    assert (await chat.until("interject:queued", target_event_id="p2"))["position"] == 1
    started = await chat.until("interject:dequeued", target_event_id="p2")
    assert started["response_id"] in {e["response_id"] for e in chat.frames if "response" in e}


async def test_a_prompt_is_withdrawn(chat, model):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    withdrawn, other = model.says("Never."), model.says("Three.")
    await queue(chat, conversation, withdrawn, "p1")
    await queue(chat, conversation, other, "p2")
    await chat.send("interject:dequeue", target_event_id="p1", event_id="d")
    answer = await chat.until("interject:dequeued", event_id="d")
    assert (answer["target_event_id"], answer["reason"]) == ("p1", "withdrawn")
    gate.open()
    await chat.end(first)
    assert texts((await chat.until("response.completed"))["response"]) == "Three."
    assert model.times_asked(withdrawn) == 0
    assert await kept(lambda: WaitingPrompt.objects.filter(conversation=conversation).count()) == 0


async def test_what_does_not_wait_cannot_be_withdrawn(chat, model):
    await chat.send("interject:dequeue", target_event_id="none", event_id="d")
    frame = await chat.refusal()
    assert (frame["error"]["code"], frame["event_id"]) == ("not_waiting", "d")


async def test_a_waiting_prompt_is_cancelled_by_its_event_id(chat, model):
    conversation, _ = await busy(chat, model, Gate())
    prompt = model.says("Never.")
    await queue(chat, conversation, prompt, "p1")
    await chat.send("interject:cancel", target_event_id="p1")
    assert (await chat.until("interject:dequeued"))["reason"] == "withdrawn"
    assert await kept(lambda: WaitingPrompt.objects.filter(conversation=conversation).count()) == 0


async def test_a_cancel_pauses_the_queue_until_somebody_prompts_again(chat, model):
    conversation, first = await busy(chat, model, Gate())
    waiting, next_one = model.says("Three."), model.says("Four.")
    await queue(chat, conversation, waiting, "p1")
    await chat.send("interject:cancel", response_id=first)
    await chat.until("interject:cancelled")
    snapshot = await chat.follow(conversation)
    assert snapshot["conversation"]["queue_paused"] is True
    assert [each["event_id"] for each in snapshot["queued"]] == ["p1"]
    assert model.times_asked(waiting) == 0

    await chat.send("response.create", input=next_one, conversation=conversation)
    ended = [(await chat.until("response.completed"))["response"] for _ in range(2)]
    assert sorted(texts(each) for each in ended) == ["Four.", "Three."]
    assert (await chat.follow(conversation))["conversation"]["queue_paused"] is False


async def test_the_queue_survives_the_closing_of_its_tab(chat, model, served, account):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    await chat.follow(conversation)
    async with line(served, account) as tab:
        await queue(tab, conversation, model.says("Three."), "p1")
    await chat.until("interject:queued", target_event_id="p1")
    gate.open()
    await chat.end(first)
    created = (await chat.until("response.created"))["response"]
    assert created["interject"]["event_id"] == "p1"
    assert texts(await chat.end(created["id"])) == "Three."


async def test_whoever_comes_back_sees_the_queue_in_the_snapshot(chat, model, served, account):
    conversation, _ = await busy(chat, model, Gate())
    prompt = model.says("Three.")
    await queue(chat, conversation, prompt, "p1")
    async with line(served, account) as other:
        snapshot = await other.follow(conversation)
    assert snapshot["queued"] == [{"event_id": "p1", "position": 1, "input": prompt, "mine": True}]


async def test_a_prompt_without_an_event_id_is_given_one(chat, model):
    conversation, _ = await busy(chat, model, Gate())
    await chat.send("response.create", input="Three.", conversation=conversation)
    minted = (await chat.until("interject:queued"))["target_event_id"]
    assert minted
    await chat.send("interject:dequeue", target_event_id=minted)
    assert (await chat.until("interject:dequeued"))["target_event_id"] == minted


async def test_a_steers_successor_runs_before_the_queue(chat, model):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    await queue(chat, conversation, model.says("Queued."), "p1")
    await chat.send("response.steer", previous_response_id=first, input=model.says("Steered."))
    await chat.end(first)
    ended = [(await chat.until("response.completed"))["response"] for _ in range(2)]
    assert [texts(each) for each in ended] == ["Steered.", "Queued."]
    assert ended[1]["previous_response_id"] == ended[0]["id"]


async def test_a_plain_client_waits_in_the_queue_without_being_told(chat, model, served, account):
    gate = Gate()
    conversation, first = await busy(chat, model, gate)
    async with line(served, account, query="") as other:
        await other.send("response.create", input=model.says("Three."), conversation=conversation)
        gate.open()
        assert texts((await other.until("response.completed"))["response"]) == "Three."
        assert other.ours() == []
        assert {frame["response_id"] for frame in other.frames} != {first}


async def test_a_plain_client_is_told_when_its_prompt_is_withdrawn_elsewhere(
    chat, model, served, account
):
    conversation, _ = await busy(chat, model, Gate())
    await chat.follow(conversation)
    async with plain(served, account) as other:
        asked = {"input": "Never.", "conversation": conversation, "event_id": "p"}
        await other.send("response.create", **asked, stream_id="s")
        await chat.until("interject:queued", target_event_id="p")
        await chat.send("interject:dequeue", target_event_id="p")
        frame = await other.refusal()
        assert (frame["status"], frame["error"]["code"]) == (400, "prompt_withdrawn")
        assert (frame["event_id"], frame["stream_id"]) == ("p", "s")
        assert texts(await other.answer(model.says("Go on."))) == "Go on."


async def test_a_plain_client_is_told_when_the_conversation_of_its_prompt_is_deleted(
    chat, model, served, account
):
    cookie = await kept(account.session_cookie)
    conversation, _ = await busy(chat, model, Gate())
    await chat.follow(conversation)
    async with plain(served, account) as other:
        asked = {"input": "Never.", "conversation": conversation, "event_id": "p"}
        await other.send("response.create", **asked)
        await chat.until("interject:queued", target_event_id="p")
        await post(served, cookie, f"/conversations/{conversation}/delete")
        frame = await other.refusal()
        assert (frame["error"]["code"], frame["event_id"]) == ("conversation_deleted", "p")
