"""Stop means stop: at every stage, from anywhere, with a receipt, and the text that was shown."""

import pytest

from chat.models import Response
from tests.gate import Gate
from tests.upstream_script import Script, chunk, done, finish, think, usage
from tests.wire.lines import kept, line, plain, said, texts

WORDS = ["One ", "two ", "three "]


async def test_before_the_first_delta(chat, model, account):
    prompt = model.is_silent()
    response_id = await chat.prompt(prompt)
    seen = await model.asked(prompt)
    await chat.send("interject:cancel", response_id=response_id, event_id="c")
    response = await chat.end(response_id)
    await seen.closed()
    assert (response["status"], response["output"]) == ("cancelled", [])
    assert response["incomplete_details"] == {"reason": "cancelled"}
    assert chat.kinds(response_id)[-1] == "response.incomplete"
    frame = await chat.until("interject:cancelled", event_id="c")
    assert frame["response_id"] == response_id
    assert frame["sequence_number"] == max(chat.numbers(response_id))
    receipt = frame["receipt"]
    assert set(receipt) == {
        "asked_by", "asked_at", "upstream_closed_at", "latency_ms", "status", "usage", "cost",
        "text_chars", "seen_sequence_number",
    }  # fmt: skip
    assert (receipt["asked_by"], receipt["status"]) == (account.username, "cancelled")
    assert (receipt["text_chars"], receipt["cost"]) == (0, None)
    assert receipt["usage"]["output_tokens"] == 0
    assert receipt["upstream_closed_at"] >= receipt["asked_at"]
    assert receipt["latency_ms"] >= 0


async def test_in_the_middle_the_text_that_was_shown_is_kept(chat, model):
    prompt = model.begins(*WORDS)
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One two three ")
    shown_up_to = max(chat.numbers(response_id))
    await chat.send("interject:cancel", response_id=response_id)
    response = await chat.end(response_id)
    await (await model.asked(prompt)).closed()
    assert texts(response) == chat.text_of(response_id) == "One two three "
    assert response["output"][-1]["status"] == "incomplete"
    assert response["usage"]["estimated"] is True
    receipt = (await chat.until("interject:cancelled"))["receipt"]
    assert receipt["text_chars"] == len("One two three ")
    assert receipt["seen_sequence_number"] == shown_up_to
    assert receipt["usage"] == response["usage"]
    stored = await kept(lambda: Response.objects.get(pk=response_id))
    assert (stored.status, stored.incomplete_reason) == ("cancelled", "cancelled")


async def test_while_it_thinks(chat, model):
    prompt = model.answers(Script([think("Hm."), Gate()]))
    response_id = await chat.prompt(prompt)
    await chat.until("response.reasoning_summary_text.delta")
    await chat.send("interject:cancel", response_id=response_id)
    response = await chat.end(response_id)
    await (await model.asked(prompt)).closed()
    assert [(each["type"], each["status"]) for each in response["output"]] == [
        ("reasoning", "incomplete")
    ]


async def test_after_the_last_word_and_before_the_end_of_the_stream(chat, model):
    """The model has said all, and upstream has not ended yet: both ends of that race are right."""
    gate = Gate()
    prompt = model.answers(Script([*map(chunk, WORDS), finish(), gate, usage(), done()]))
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One two three ")
    await chat.send("interject:cancel", response_id=response_id)
    response = await chat.end(response_id)
    await (await model.asked(prompt)).closed()
    assert texts(response) == "One two three "
    assert response["status"] == "cancelled"


async def test_as_the_last_words_come(chat, model):
    """Nobody knows who comes first: the response has one end, and what it kept is a prefix."""
    gate = Gate()
    response_id = await chat.prompt(model.says(*WORDS, "four", gate=gate))
    await chat.shown(response_id, "One two three ")
    await chat.send("interject:cancel", response_id=response_id)
    gate.open()
    response = await chat.end(response_id)
    assert response["status"] in ("cancelled", "completed")
    assert "One two three four".startswith(texts(response))
    assert texts(response) == chat.text_of(response_id)
    receipt = (await chat.until("interject:cancelled"))["receipt"]
    assert receipt["status"] == response["status"]
    assert receipt["text_chars"] == len(texts(response))


async def test_after_the_end_it_changes_nothing_and_still_has_a_receipt(chat, model):
    response = await chat.answer(model.says("Done."))
    await chat.send("interject:cancel", response_id=response["id"], event_id="c")
    frame = await chat.until("interject:cancelled", event_id="c")
    receipt = frame["receipt"]
    assert (receipt["status"], receipt["text_chars"]) == ("completed", len("Done."))
    assert (receipt["asked_by"], receipt["upstream_closed_at"]) == (None, None)
    stored = await kept(lambda: Response.objects.get(pk=response["id"]))
    assert (stored.status, stored.receipt) == ("completed", None)


async def test_twice_it_is_stopped_once_and_answered_twice(chat, model):
    prompt = model.begins("One ")
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One ")
    for name in ("first", "second"):
        await chat.send("interject:cancel", response_id=response_id, event_id=name)
    await chat.end(response_id)
    receipts = [
        (await chat.until("interject:cancelled", event_id=name))["receipt"]
        for name in ("first", "second")
    ]
    assert receipts[0] == receipts[1]
    assert chat.kinds(response_id).count("response.incomplete") == 1


async def test_from_a_second_connection(chat, model, served, account):
    prompt = model.begins("One ")
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One ")
    async with line(served, account) as other:
        await other.send("interject:cancel", response_id=response_id)
        receipt = (await other.until("interject:cancelled"))["receipt"]
        assert (receipt["status"], receipt["text_chars"]) == ("cancelled", len("One "))
    await (await model.asked(prompt)).closed()
    assert (await chat.end(response_id))["status"] == "cancelled"
    assert "interject:cancelled" not in chat.ours()


async def test_from_two_connections_at_once(chat, model, served, account):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    async with line(served, account) as other:
        for each in (chat, other):
            await each.send("interject:cancel", response_id=response_id)
        receipts = [(await each.until("interject:cancelled"))["receipt"] for each in (chat, other)]
    assert receipts[0]["asked_at"] == receipts[1]["asked_at"]
    # Of a cancel that came second, the receipt may be there before the end is shown.
    while "response.incomplete" not in chat.kinds(response_id):
        await chat.receive()
    assert chat.kinds(response_id).count("response.incomplete") == 1


async def test_by_the_event_id_of_its_prompt(chat, model, served, account):
    prompt = model.begins("One ")
    response_id = await chat.prompt(prompt, event_id="the-prompt")
    await chat.shown(response_id, "One ")
    async with line(served, account) as other:
        await other.send("interject:cancel", target_event_id="the-prompt")
        assert (await other.until("interject:cancelled"))["response_id"] == response_id
    await (await model.asked(prompt)).closed()


async def test_by_an_event_id_that_nobody_used(chat):
    await chat.send("interject:cancel", target_event_id="none")
    assert (await chat.refusal())["error"]["param"] == "target_event_id"


async def test_as_soon_as_it_is_created(chat, model):
    """The cancel is on its way before upstream is."""
    response_id = await chat.prompt(model.says("One."))
    await chat.send("interject:cancel", response_id=response_id)
    response = await chat.end(response_id)
    assert response["status"] in ("cancelled", "completed")
    assert texts(response) == chat.text_of(response_id)
    assert (await chat.until("interject:cancelled"))["receipt"]["status"] == response["status"]


async def test_a_plain_client_cancels_and_is_told_by_the_end_alone(served, account, model, chat):
    """Whoever sends the frame knows our extensions; whoever only watches does not."""
    async with plain(served, account) as simple:
        response_id = await simple.prompt(model.begins("One "))
        await simple.shown(response_id, "One ")
        await chat.send("interject:cancel", response_id=response_id)
        assert (await simple.end(response_id))["status"] == "cancelled"
        await simple.fence()
        assert simple.ours() == []


@pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])
async def test_what_was_said_until_then_is_context_for_what_follows(chat, model, store):
    prompt, last = model.begins("One "), model.says("Two.")
    response_id = await chat.prompt(prompt, store=store)
    await chat.shown(response_id, "One ")
    await chat.send("interject:cancel", response_id=response_id)
    await chat.end(response_id)
    await chat.answer(last, previous_response_id=response_id, store=store)
    assert said(await model.asked(last)) == [
        ("user", prompt),
        ("assistant", "One "),
        ("user", last),
    ]


async def test_many_are_cancelled_at_once(chat, model, served, account):
    prompts = [model.begins(f"Stream {number} ") for number in range(5)]
    async with line(served, account) as stopper:
        for prompt in prompts:
            async with line(served, account) as each:
                response_id = await each.prompt(prompt)
                await stopper.send("interject:cancel", response_id=response_id)
        for _ in prompts:
            frame = await stopper.until("interject:cancelled")
            assert frame["receipt"]["status"] == "cancelled"
    for prompt in prompts:
        if model.times_asked(prompt):
            await (await model.asked(prompt)).closed()
