"""`store: false`: the chain lives in the connection's memory, and nowhere else."""

from chat.models import Conversation, Response
from tests.gate import Gate
from tests.upstream_script import Script, chunk, done, finish, refusal, usage
from tests.wire.lines import TERMINAL, kept, line, said, steer_behind_a_call, texts


async def test_it_is_answered_and_kept_nowhere(chat, model, account):
    response = await chat.answer(model.says("Between ", "us."), store=False)
    assert texts(response) == "Between us."
    assert response["store"] is False
    assert "conversation" not in response
    assert chat.numbers(response["id"]) == list(range(len(chat.numbers(response["id"]))))
    assert await kept(lambda: Response.objects.filter(created_by=account.user).count()) == 0
    assert await kept(lambda: Conversation.objects.filter(owner=account.user).count()) == 0


async def test_it_continues_from_memory(chat, model):
    one, two, three = model.says("One."), model.says("Two."), model.says("Three.")
    first = await chat.answer(one, store=False, instructions="Be brief.")
    second = await chat.answer(two, store=False, previous_response_id=first["id"])
    await chat.answer(three, store=False, previous_response_id=second["id"])
    assert said(await model.asked(three)) == [
        ("user", one), ("assistant", "One."), ("user", two), ("assistant", "Two."), ("user", three),
    ]  # fmt: skip


async def test_a_parent_may_be_continued_twice(chat, model):
    parent = await chat.answer(model.says("One."), store=False)
    for _ in range(2):
        prompt = model.says("Two.")
        await chat.answer(prompt, store=False, previous_response_id=parent["id"])
        assert len(said(await model.asked(prompt))) == 3


async def test_it_continues_what_was_stored(chat, model):
    one, two = model.says("One."), model.says("Two.")
    parent = await chat.answer(one)
    child = await chat.answer(two, store=False, previous_response_id=parent["id"])
    assert child["previous_response_id"] == parent["id"]
    assert said(await model.asked(two)) == [("user", one), ("assistant", "One."), ("user", two)]


async def test_a_stored_child_keeps_the_context(chat, model):
    one, two, three = model.says("One."), model.says("Two."), model.says("Three.")
    parent = await chat.answer(one, store=False)
    child = await chat.answer(two, previous_response_id=parent["id"])
    assert (child["store"], child["previous_response_id"]) == (True, parent["id"])
    await chat.answer(three, previous_response_id=child["id"])
    before = [("user", one), ("assistant", "One."), ("user", two)]
    assert said(await model.asked(two)) == before
    assert said(await model.asked(three)) == [*before, ("assistant", "Two."), ("user", three)]


async def test_another_connection_knows_nothing_of_it(chat, model, served, account):
    parent = await chat.answer(model.says("One."), store=False)
    async with line(served, account) as other:
        for store in (True, False):
            await other.send(
                "response.create", input="And?", previous_response_id=parent["id"], store=store
            )
            error = (await other.refusal())["error"]
            assert error["code"] == "previous_response_not_found"
            assert error["param"] == "previous_response_id"


async def test_an_unknown_parent_is_not_found(chat):
    await chat.send("response.create", input="And?", previous_response_id="resp_none", store=False)
    assert (await chat.refusal())["error"]["code"] == "previous_response_not_found"


async def test_a_failed_continuation_evicts_its_parent(chat, model):
    parent = await chat.answer(model.says("One."), store=False)
    failed = await chat.answer(
        model.answers(refusal(500)), store=False, previous_response_id=parent["id"]
    )
    assert failed["status"] == "failed"
    await chat.send("response.create", input="And?", previous_response_id=parent["id"], store=False)
    assert (await chat.refusal())["error"]["code"] == "previous_response_not_found"


async def test_a_refused_output_evicts_its_parent(chat, model):
    parent = await chat.answer(model.says("One."), store=False)
    again = {"previous_response_id": parent["id"], "store": False}
    output = {"type": "function_call_output", "call_id": "call_9", "output": "?"}
    await chat.send("response.create", input=[output], **again)
    assert (await chat.refusal())["error"]["code"] == "tool_call_not_found"
    await chat.send("response.create", input="And?", **again)
    assert (await chat.refusal())["error"]["code"] == "previous_response_not_found"


async def test_prompts_of_both_kinds_run_one_after_another(chat, model):
    gate = Gate()
    first = await chat.prompt(model.says("One ", "two", gate=gate), store=False)
    stored, unstored = model.says("Three."), model.says("Four.")
    await chat.send("response.create", input=stored)
    await chat.send("response.create", input=unstored, store=False)
    await chat.shown(first, "One ")
    gate.open()
    ended = [(await chat.until(*TERMINAL))["response"] for _ in range(3)]
    assert [texts(each) for each in ended] == ["One two", "Three.", "Four."]
    turns = [f["type"] for f in chat.frames if f["type"] in ("response.created", *TERMINAL)]
    assert turns == ["response.created", "response.completed"] * 3


async def test_it_is_cancelled_with_a_receipt(chat, model, account):
    prompt = model.begins("One ", "two ")
    response_id = await chat.prompt(prompt, store=False)
    await chat.shown(response_id, "One two ")
    await chat.send("interject:cancel", response_id=response_id, event_id="stop")
    ended = await chat.end(response_id)
    await (await model.asked(prompt)).closed()
    assert (ended["status"], texts(ended)) == ("cancelled", "One two ")
    frame = await chat.until("interject:cancelled")
    receipt = frame["receipt"]
    assert (frame["event_id"], frame["response_id"]) == ("stop", response_id)
    assert receipt["asked_by"] == account.username
    assert (receipt["status"], receipt["text_chars"]) == ("cancelled", len("One two "))


async def test_it_is_steered(chat, model):
    prompt, steer, last = model.begins("One "), model.says("Two."), model.says("Three.")
    response_id = await chat.prompt(prompt, store=False, temperature=0.5)
    await chat.shown(response_id, "One ")
    await chat.send("response.steer", previous_response_id=response_id, input=steer, event_id="s")
    assert (await chat.until("response.steer.accepted"))["event_id"] == "s"
    ended = await chat.end(response_id)
    assert ended["incomplete_details"] == {"reason": "steered"}
    successor = (await chat.until("response.created"))["response"]
    assert (successor["previous_response_id"], successor["temperature"]) == (response_id, 0.5)
    assert texts(await chat.end(successor["id"])) == "Two."
    await chat.answer(last, store=False, previous_response_id=successor["id"])
    assert said(await model.asked(last)) == [
        ("user", prompt), ("assistant", "One "), ("user", steer), ("assistant", "Two."),
        ("user", last),
    ]  # fmt: skip


async def test_its_connections_end_closes_upstream(served, account, model):
    prompt = model.begins("One ")
    async with line(served, account) as chat:
        response_id = await chat.prompt(prompt, store=False)
        await chat.shown(response_id, "One ")
    await (await model.asked(prompt)).closed()


async def test_it_cannot_be_followed_or_seen_from_elsewhere(chat, model, served, account):
    prompt = model.begins("One ")
    response_id = await chat.prompt(prompt, store=False)
    async with line(served, account) as other:
        await other.send("interject:cancel", response_id=response_id)
        assert (await other.refusal())["error"]["code"] == "response_not_found"
        await other.send("response.steer", previous_response_id=response_id, input="Wait!")
        failed = await other.until("response.steer.failed")
        assert failed["error"]["code"] == "response_not_found"
    assert (await model.asked(prompt)).is_open


async def test_a_reference_needs_what_is_stored(chat):
    reference = {"type": "item_reference", "id": "msg_1"}
    await chat.send("response.create", input=[reference], store=False)
    assert (await chat.refusal())["error"]["code"] == "unsupported_item"


async def test_a_warm_up_may_be_the_parent_of_what_is_not_stored(chat, model):
    await chat.send("response.create", generate=False, store=False, instructions="Be brief.")
    warmed = (await chat.until("response.completed"))["response"]
    assert warmed["output"] == []
    prompt = model.says("Yes.")
    await chat.answer(prompt, store=False, previous_response_id=warmed["id"])
    assert said(await model.asked(prompt)) == [("user", prompt)]


# --- frames that come twice


async def test_a_prompt_that_comes_twice_is_run_once_and_answered_again(chat, model):
    prompt = model.says("Once.")
    first = await chat.answer(prompt, store=False, event_id="p", stream_id="a")
    assert first["interject"]["event_id"] == "p"
    last = chat.events(first["id"])[-1]
    await chat.send("response.create", input=prompt, store=False, event_id="p", stream_id="b")
    assert await chat.until(*TERMINAL, "error") == {**last, "stream_id": "b"}
    assert model.times_asked(prompt) == 1


async def test_another_payload_under_the_same_id_is_refused(chat, model):
    prompt = model.says("Once.")
    response = await chat.answer(prompt, store=False, event_id="p")
    await chat.answer(prompt, event_id="stored")
    for kind, fields in (
        ("response.create", {"input": "Other.", "store": False, "event_id": "p"}),
        ("response.create", {"input": prompt, "event_id": "p"}),
        ("response.create", {"input": prompt, "store": False, "event_id": "stored"}),
        ("interject:cancel", {"response_id": response["id"], "event_id": "p"}),
    ):
        await chat.send(kind, **fields)
        assert (await chat.refusal())["error"]["code"] == "event_id_reused"
    assert model.times_asked(prompt) == 2


async def test_a_steer_that_comes_twice_is_used_once(chat, model):
    response_id = await chat.prompt(model.begins("One "), store=False)
    await chat.shown(response_id, "One ")
    goes_on = Gate()
    steer = model.answers(Script([goes_on, chunk("Two."), finish(), usage(), done()]))
    asked = {"previous_response_id": response_id, "input": steer, "event_id": "s"}
    accepted = []
    for _ in range(2):
        await chat.send("response.steer", **asked)
        accepted.append(await chat.until("response.steer.accepted", "response.steer.failed"))
    goes_on.open()
    await chat.until("response.completed")
    await chat.send("response.steer", **asked)
    accepted.append(await chat.until("response.steer.accepted", "response.steer.failed"))
    assert accepted[0]["steer"] == accepted[1]["steer"] == accepted[2]["steer"]
    assert [text for _, text in said(await model.asked(asked["input"]))].count(asked["input"]) == 1
    await chat.send("response.steer", **{**asked, "input": "Other."})
    failed = await chat.until("response.steer.failed")
    assert failed["error"]["code"] == "event_id_reused"


async def test_it_is_cancelled_by_the_event_id_of_its_prompt_and_after_a_steer(chat, model):
    steer = model.begins("Two ")
    first = await chat.prompt(model.begins("One "), store=False, event_id="p")
    await chat.shown(first, "One ")
    await chat.send("response.steer", previous_response_id=first, input=steer)
    await chat.end(first)
    second = (await chat.until("response.created"))["response"]["id"]
    await chat.send("interject:cancel", target_event_id="p", event_id="c")
    assert (await chat.end(second))["status"] == "cancelled"
    assert (await chat.until("interject:cancelled", event_id="c"))["response_id"] == second
    await (await model.asked(steer)).closed()


# --- bounds


async def test_no_more_steers_wait_than_with_what_is_stored(chat, model):
    response_id = await chat.prompt(model.begins("One "), store=False)
    await chat.shown(response_id, "One ")
    inputs = [model.begins("More ") for _ in range(20)]  # No successor ends meanwhile.
    outcomes = await chat.steer_at_once(response_id, inputs)
    failed = [each for each in outcomes if each["type"] == "response.steer.failed"]
    assert {each["error"]["code"] for each in failed} <= {"too_many_pending_steers"}
    taken = [each["steer"]["previous_response_id"] for each in outcomes if each not in failed]
    assert taken.count(response_id) <= 16
    assert [each["steer"]["input"] for each in failed] == [
        given for given, each in zip(inputs, outcomes, strict=True) if each in failed
    ]


async def test_steers_that_wait_come_back_when_their_parent_is_forgotten(chat, model):
    response_id = await steer_behind_a_call(chat, model, store=False)
    pending = await chat.until("response.steer.pending")
    await chat.send("response.create", input="?", previous_response_id=response_id, store=False)
    failed = await chat.until("response.steer.failed")
    assert failed["steer"] == {**pending["steer"], "input": "Gently."}
    assert (await chat.refusal())["error"]["code"] == "tool_output_missing"


async def test_a_stored_child_takes_up_the_steers_that_wait(chat, model):
    response_id = await steer_behind_a_call(chat, model, store=False)
    await chat.until("response.steer.pending")
    last = model.says("Seen.")
    output = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}
    answer = [output, {"role": "user", "content": last}]
    await chat.answer(answer, previous_response_id=response_id)
    assert ("user", "Gently.") in said(await model.asked(last))
