"""Following a conversation: who hears of what, and each event once."""

from urllib.parse import urlencode

import pytest

from tests.gate import Gate
from tests.wire.lines import is_event, line, plain, texts


async def test_two_followers_see_the_same_frames(chat, model, served, account):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    conversation = chat.conversation_of(response_id)
    async with line(served, account) as left, line(served, account) as right:
        await left.follow(conversation)
        await right.follow(conversation)
        later = model.says("Three.")
        await chat.send("response.create", input=later, conversation=conversation)
        gate.open()
        for each in (left, right):
            assert texts((await each.until("response.completed"))["response"]) == "One two"
            assert texts((await each.until("response.completed"))["response"]) == "Three."
        seen = [[f for f in each.frames if is_event(f)] for each in (left, right)]
        overlap = min(map(len, seen))
        assert seen[0][-overlap:] == seen[1][-overlap:]


async def test_each_event_comes_once_to_who_creates_and_follows(chat, model):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    conversation = chat.conversation_of(response_id)
    await chat.shown(response_id, "One ")
    await chat.follow(conversation)
    await chat.follow(conversation)
    gate.open()
    await chat.end(response_id)
    own = await chat.answer(model.says("Three."), conversation=conversation)
    await chat.fence()
    for each in (response_id, own["id"]):
        assert chat.numbers(each) == list(range(len(chat.numbers(each))))


async def test_a_follower_sees_a_response_that_somebody_else_starts(chat, model, served, account):
    root = await chat.answer(model.says("One."))
    async with line(served, account) as tab:
        await tab.follow(root["conversation"]["id"])
        other = await chat.answer(model.says("Two."), conversation=root["conversation"]["id"])
        assert texts(await tab.end(other["id"])) == "Two."
        assert tab.numbers(other["id"]) == chat.numbers(other["id"])
        assert tab.events(other["id"]) == chat.events(other["id"])


async def test_a_created_event_shows_what_was_asked(chat, model, served, account):
    root = await chat.answer(model.says("One."))
    prompt = model.says("Two.")
    async with line(served, account) as tab:
        await tab.follow(root["conversation"]["id"])
        await chat.answer(prompt, conversation=root["conversation"]["id"])
        created = await tab.until("response.created")
    asked = created["response"]["interject"]["input"]
    assert asked[0]["content"] == [{"type": "input_text", "text": prompt}]


async def test_after_unfollowing_nothing_more_comes(chat, model, served, account):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    async with line(served, account) as tab:
        conversation = chat.conversation_of(response_id)
        await tab.follow(conversation)
        await tab.send("interject:unfollow", conversation=conversation)
        await tab.fence()
        gate.open()
        await chat.end(response_id)
        assert await tab.fence() == []


async def test_an_unfollow_that_is_sent_at_once_undoes_the_follow(chat, model, served, account):
    gate = Gate()
    other = await chat.answer(model.says("Something else."))
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    conversation = chat.conversation_of(response_id)
    async with line(served, account) as tab:
        await tab.send("interject:follow", conversation=conversation)
        await tab.send("interject:unfollow", conversation=conversation)
        await tab.follow(other["conversation"]["id"])
        await tab.until("interject:snapshot")
        gate.open()
        await chat.end(response_id)
        assert await tab.fence() == []


async def test_who_unfollows_still_gets_what_it_started_itself(chat, model):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    conversation = chat.conversation_of(response_id)
    await chat.follow(conversation)
    await chat.send("interject:unfollow", conversation=conversation)
    gate.open()
    assert texts(await chat.end(response_id)) == "One two"


async def test_the_address_does_what_a_follow_does(chat, model, served, account):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    conversation = chat.conversation_of(response_id)
    async with line(served, account, query=f"?conversation={conversation}") as tab:
        snapshot = await tab.until("interject:snapshot")
        assert snapshot["items"][-1]["content"][0]["text"] == "One "
    query = f"?conversation={conversation}&response_id={response_id}&starting_after=1"
    async with line(served, account, query=query) as tab:
        await tab.until("interject:followed")
        await tab.shown(response_id, "One ")
        assert tab.numbers(response_id)[0] == 2


@pytest.mark.parametrize("number", ["--5", "\u00b2", "9" * 5000, "1.5", "0x1", "1\u0000"])
async def test_a_bad_number_in_the_address_is_refused_by_name(served, account, number):
    query = urlencode(
        {"conversation": "conv_1", "response_id": "resp_1", "starting_after": number},
    )
    async with line(served, account, query=f"?{query}") as tab:
        assert (await tab.refusal())["error"]["code"] in ("invalid_type", "invalid_text")
        assert await tab.fence() == []


async def test_typing_is_told_to_the_other_followers_only(chat, model, served, account):
    root = await chat.answer(model.says("One."))
    conversation = root["conversation"]["id"]
    async with line(served, account) as tab:
        await tab.follow(conversation)
        await chat.follow(conversation)
        await chat.send("interject:typing", conversation=conversation)
        frame = await tab.until("interject:typing")
        assert (frame["conversation"], frame["user"]) == (conversation, account.username)
        assert await chat.fence() == []


async def test_feedback_is_answered_with_what_is_kept(chat, model):
    response = await chat.answer(model.says("One."))
    item = response["output"][0]["id"]
    await chat.send(
        "interject:feedback", item_id=item, rating=1, tags=["clear"], comment="Good.", event_id="e"
    )
    frame = await chat.until("interject:feedback")
    wanted = {
        "response_id": response["id"], "item_id": item, "rating": 1, "tags": ["clear"],
        "comment": "Good.", "event_id": "e",
    }  # fmt: skip
    assert {name: frame[name] for name in wanted} == wanted
    assert frame["sequence_number"] == max(chat.numbers(response["id"]))


async def test_feedback_in_mid_stream_names_an_item_that_is_being_written(chat, model):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two", gate=gate))
    await chat.shown(response_id, "One ")
    item = next(e["item"]["id"] for e in chat.events(response_id) if "item" in e)
    await chat.send("interject:feedback", item_id=item, rating=-1)
    frame = await chat.until("interject:feedback")
    assert (frame["response_id"], frame["rating"]) == (response_id, -1)
    gate.open()
    await chat.end(response_id)
    snapshot = await chat.follow(chat.conversation_of(response_id))
    assert [(each["rating"], each["item_id"]) for each in snapshot["feedback"]] == [(-1, item)]


async def test_a_plain_client_never_gets_a_frame_of_ours(chat, model, served, account):
    gate = Gate()
    async with plain(served, account) as simple:
        response_id = await simple.prompt(model.says("One ", "two", gate=gate))
        conversation = simple.conversation_of(response_id)
        await chat.follow(conversation)
        await simple.send("response.create", input="x", conversation=conversation, event_id="p1")
        await chat.until("interject:queued", target_event_id="p1")
        await chat.send("interject:typing", conversation=conversation)
        await chat.send("interject:dequeue", target_event_id="p1")
        await chat.until("interject:dequeued", target_event_id="p1")
        await chat.send("interject:feedback", response_id=response_id, rating=1)
        await chat.send("interject:cancel", response_id=response_id)
        await chat.until("interject:cancelled")
        await simple.end(response_id)
        await simple.fence()
        assert simple.ours() == []


async def test_a_client_that_sends_a_frame_of_ours_gets_them(served, account, model):
    async with plain(served, account) as simple:
        response = await simple.answer(model.says("One."))
        assert simple.ours() == []
        assert (await simple.follow(response["conversation"]["id"]))["type"] == "interject:snapshot"


async def test_our_frames_and_steers_bear_the_last_number_and_move_no_cursor(chat, model):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    steer = model.says("Two.")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    await chat.end(response_id)
    await chat.until("response.completed")
    numbers = chat.numbers(response_id)
    assert numbers == list(range(len(numbers)))
    accepted = next(f for f in chat.frames if f["type"] == "response.steer.accepted")
    assert accepted["sequence_number"] in numbers
