"""Whose turn it is: one response at a time on a connection, one after another in a conversation."""

import asyncio

from django.utils import timezone

from chat.models import ApiKey, Response
from tests.gate import Gate
from tests.wire.lines import TERMINAL, kept, line, said, texts
from tests.wire.locks import holding

WITH_CONNECTION = {"interject": {"on_disconnect": "cancel"}}


async def test_a_connection_runs_one_response_at_a_time_and_further_ones_in_order(chat, model):
    gate = Gate()
    first_one = model.says("First, ", "done.", gate=gate)
    prompts = [first_one, model.says("Second."), model.says("Third.")]
    for prompt in prompts:
        await chat.send("response.create", input=prompt)
    first = (await chat.until("response.created"))["response"]["id"]
    await chat.shown(first, "First, ")
    assert await chat.fence() == []
    assert model.times_asked(prompts[1]) == 0
    gate.open()
    ended = [(await chat.until(*TERMINAL))["response"] for _ in prompts]
    assert [texts(each) for each in ended] == ["First, done.", "Second.", "Third."]
    turns = [f["type"] for f in chat.frames if f["type"] in ("response.created", *TERMINAL)]
    assert turns == ["response.created", "response.completed"] * 3


async def test_a_child_waits_for_its_unfinished_parent_on_the_same_connection(chat, model):
    gate = Gate()
    parent = await chat.prompt(model.says("One ", "two", gate=gate))
    child = model.says("Three.")
    await chat.send("response.create", input=child, previous_response_id=parent)
    await chat.shown(parent, "One ")
    gate.open()
    await chat.end(parent)
    response = (await chat.until("response.completed"))["response"]
    assert (response["previous_response_id"], texts(response)) == (parent, "Three.")
    assert said(await model.asked(child))[1] == ("assistant", "One two")


async def test_a_child_of_an_unfinished_parent_is_refused_elsewhere(chat, model, served, account):
    parent = await chat.prompt(model.begins("One "))
    async with line(served, account) as other:
        await other.send("response.create", input="And?", previous_response_id=parent)
        frame = await other.refusal()
    assert (frame["status"], frame["error"]["code"]) == (400, "previous_response_not_finished")
    assert frame["error"]["param"] == "previous_response_id"


async def test_a_conversation_continues_from_the_head_that_is_shown(chat, model):
    one, two = model.says("One."), model.says("Two.")
    first = await chat.answer(one)
    second = await chat.answer(two, conversation=first["conversation"]["id"])
    assert second["conversation"] == first["conversation"]
    assert second["previous_response_id"] == first["id"]
    assert said(await model.asked(two)) == [("user", one), ("assistant", "One."), ("user", two)]


async def test_an_explicit_parent_branches(chat, model):
    one, two, three, four = (model.says(word) for word in ("One.", "Two.", "Three.", "Four."))
    root = await chat.answer(one)
    await chat.answer(two, previous_response_id=root["id"])
    sibling = await chat.answer(three, previous_response_id=root["id"])
    assert sibling["conversation"] == root["conversation"]
    after = await chat.answer(four, conversation=root["conversation"]["id"])
    assert after["previous_response_id"] == sibling["id"]
    assert [text for _, text in said(await model.asked(four))] == [
        one, "One.", three, "Three.", four,
    ]  # fmt: skip


async def test_an_explicit_parent_branches_at_once_while_a_sibling_runs(
    chat, model, served, account
):
    root = await chat.answer(model.says("One."))
    prompt = model.begins("Two ")
    await chat.prompt(prompt, previous_response_id=root["id"])
    async with line(served, account) as other:
        sibling = await other.answer(model.says("Three."), previous_response_id=root["id"])
    assert sibling["previous_response_id"] == root["id"]
    assert texts(sibling) == "Three."
    assert (await model.asked(prompt)).is_open


async def test_a_client_of_our_extensions_branches_at_once_on_one_connection(chat, model):
    root = await chat.answer(model.says("Zero."))
    gate = Gate()
    running = await chat.prompt(
        model.says("One ", "two", gate=gate), previous_response_id=root["id"]
    )
    await chat.shown(running, "One ")
    branched = await chat.answer(model.says("Three."), previous_response_id=root["id"])
    assert texts(branched) == "Three."
    gate.open()
    assert texts(await chat.end(running)) == "One two"


async def test_a_root_begins_a_conversation_anew(chat, model):
    first, last = model.says("One."), model.says("Two.")
    root = await chat.answer(first)
    other = await chat.answer(
        last, conversation=root["conversation"]["id"], interject={"root": True}
    )
    assert other["conversation"] == root["conversation"]
    assert other["previous_response_id"] is None
    assert said(await model.asked(last)) == [("user", last)]


async def test_instructions_are_never_inherited(chat, model):
    one, two = model.says("One."), model.says("Two.")
    first = await chat.answer(one, instructions="Rhyme.", temperature=0.5)
    second = await chat.answer(two, previous_response_id=first["id"])
    assert (second["instructions"], second["temperature"]) == (None, 1)
    assert ("system", "Rhyme.") in said(await model.asked(one))
    assert ("system", "Rhyme.") not in said(await model.asked(two))


async def test_two_tabs_that_prompt_at_once_make_no_siblings(chat, model, served, account):
    root = await chat.answer(model.says("One."))
    conversation = root["conversation"]["id"]
    prompts = [model.says(f"Answer {n}.") for n in range(4)]
    async with line(served, account) as other:
        lines = [chat, other, chat, other]
        await asyncio.gather(
            *(
                each.send("response.create", input=prompt, conversation=conversation)
                for each, prompt in zip(lines, prompts, strict=True)
            )
        )
        for each in lines:
            assert (await each.until(*TERMINAL))["type"] == "response.completed"
    parents = await kept(
        lambda: list(
            Response.objects.filter(conversation=conversation).values_list("parent_id", flat=True)
        )
    )
    assert len(parents) == len(set(parents)) == 5
    contexts = [len(said(await model.asked(prompt))) for prompt in prompts]
    assert sorted(contexts) == [3, 5, 7, 9]


async def test_two_new_conversations_run_side_by_side(chat, model, served, account):
    gate = Gate()
    first = await chat.prompt(model.says("One ", "two", gate=gate))
    async with line(served, account) as other:
        assert texts(await other.answer(model.says("Three."))) == "Three."
    gate.open()
    assert texts(await chat.end(first)) == "One two"


async def test_a_response_goes_on_when_its_connection_closes(served, account, model, chat):
    gate = Gate()
    prompt = model.says("One ", "two", gate=gate)
    async with line(served, account) as first:
        created = await first.prompt(prompt)
        await first.shown(created, "One ")
        conversation = first.conversation_of(created)
    await chat.follow(conversation)
    gate.open()
    assert texts(await chat.end(created)) == "One two"


async def test_a_response_ends_with_its_connection_where_that_was_asked(
    served, account, model, chat
):
    prompt = model.begins("One ")
    async with line(served, account) as first:
        created = await first.prompt(prompt, **WITH_CONNECTION)
        await first.shown(created, "One ")
        conversation = first.conversation_of(created)
        await chat.follow(conversation)
    await (await model.asked(prompt)).closed()
    assert (await chat.end(created))["status"] == "cancelled"


async def test_a_prompt_that_waits_leaves_with_its_connection_where_that_was_asked(
    served, account, model, chat
):
    conversation = chat.conversation_of(await chat.prompt(model.begins("One ")))
    await chat.follow(conversation)
    async with line(served, account) as first:
        asked = {"input": "Never.", "conversation": conversation, "event_id": "p"}
        await first.send("response.create", **asked, **WITH_CONNECTION)
        await first.until("interject:queued")
    left = await chat.until("interject:dequeued")
    assert (left["target_event_id"], left["reason"]) == ("p", "withdrawn")


async def test_a_prompt_that_waited_ends_with_its_connection_where_that_was_asked(
    served, account, model, chat
):
    gate, waiting = Gate(), model.begins("Three ")
    conversation = chat.conversation_of(await chat.prompt(model.says("One ", "two", gate=gate)))
    async with line(served, account) as first:
        await first.send(
            "response.create", input=waiting, conversation=conversation, **WITH_CONNECTION
        )
        await first.until("interject:queued")
        gate.open()
        await first.shown((await first.until("response.created"))["response"]["id"], "Three ")
    await (await model.asked(waiting)).closed()


async def test_what_a_steer_makes_ends_with_the_connection_too(served, account, model, chat):
    steers = [model.begins("Two "), model.begins("Three ")]
    async with line(served, account) as first:
        created = await first.prompt(model.begins("One "), **WITH_CONNECTION)
        await first.shown(created, "One ")
        for each, steer in zip((first, chat), steers, strict=True):
            await each.send("response.steer", previous_response_id=created, input=steer)
            await model.asked(steer)
    await (await model.asked(steers[-1])).closed()


async def test_it_ends_with_its_connection_although_the_key_was_revoked(served, account, model):
    prompt = model.begins("One ")
    async with line(served, account) as first:
        await first.shown(await first.prompt(prompt, **WITH_CONNECTION), "One ")
        keys = ApiKey.objects.filter(user=account.user)
        await kept(lambda: keys.update(revoked_at=timezone.now()))
        assert await first.closing() == 4401
    await (await model.asked(prompt)).closed()


async def test_it_ends_with_a_connection_that_closes_as_it_begins(served, account, model, chat):
    root = await chat.answer(model.says("One."))
    conversation = root["conversation"]["id"]
    await chat.follow(conversation)
    async with holding() as other:
        await other.hold("SELECT FROM chat_conversation WHERE id = %s FOR UPDATE", conversation)
        async with line(served, account) as first:
            asked = {"input": model.begins("Two "), "previous_response_id": root["id"]}
            await first.send("response.create", **asked, **WITH_CONNECTION)
            await other.waited_for()
    created = (await chat.until("response.created"))["response"]
    assert (await chat.end(created["id"]))["status"] == "cancelled"


async def test_it_ends_with_its_connection_as_soon_as_the_database_lets_it(
    served, account, model, chat
):
    prompt = model.begins("One ")
    async with holding() as other:
        async with line(served, account) as first:
            created = await first.prompt(prompt, **WITH_CONNECTION)
            await first.shown(created, "One ")
            await other.hold("SELECT FROM chat_response WHERE id = %s FOR UPDATE", created)
        await other.turn_away()
        assert (await model.asked(prompt)).is_open
    await (await model.asked(prompt)).closed()
