"""A steer that meets another, a cancel or the end: used once, or given back."""

import asyncio

import pytest

from chat.models import Intent, Response
from tests.gate import Gate
from tests.upstream_script import Script, chunk, done, finish, usage
from tests.wire.lines import TERMINAL, kept, line, said, texts


async def test_several_before_the_commit_make_one_successor_in_order(chat, model):
    last = model.says("All heard.")
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    steers = [model.begins("Two "), model.begins("Three "), last]
    await asyncio.gather(
        *(
            chat.send("response.steer", previous_response_id=response_id, input=each, event_id=each)
            for each in steers
        )
    )
    await chat.end(response_id)
    ended = [(await chat.until(*TERMINAL))["response"]]
    while ended[-1]["status"] != "completed":
        ended.append((await chat.until(*TERMINAL))["response"])
    # Those that came after the commit steered the successor; each is read once, in order.
    heard = [text for role, text in said(await model.asked(last)) if role == "user"]
    assert heard[1:] == steers
    accepted = [f["event_id"] for f in chat.frames if f["type"] == "response.steer.accepted"]
    assert accepted == steers


@pytest.mark.parametrize("attempt", range(4))
async def test_a_steer_and_a_cancel_at_once(chat, model, served, account, attempt):
    """Either the cancel stops the successor, or it comes first and the input is given back."""
    steer = model.begins("Two ")
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    async with line(served, account) as other:
        wishes = [
            chat.send("response.steer", previous_response_id=response_id, input=steer),
            other.send("interject:cancel", response_id=response_id),
        ]
        await asyncio.gather(*(wishes if attempt % 2 else wishes[::-1]))
        receipt = await other.until("interject:cancelled")
    assert receipt["receipt"]["status"] == "cancelled"
    outcome = await chat.until("response.steer.accepted", "response.steer.failed")
    if receipt["response_id"] == response_id:
        if outcome["type"] == "response.steer.accepted":
            outcome = await chat.until("response.steer.failed")
        assert outcome["steer"]["input"] == steer
        assert model.times_asked(steer) == 0
    elif model.times_asked(steer):
        await (await model.asked(steer)).closed()
    assert await kept(lambda: unfinished(account)) == ([], [])


def unfinished(account) -> tuple[list[str], list[str]]:
    """The account's responses that run, and wishes that wait."""
    mine = Response.objects.filter(conversation__owner=account.user)
    live = mine.filter(status__in=["queued", "in_progress"])
    wishes = Intent.objects.filter(response_id__in=mine.values("id"))
    return list(live.values_list("id", flat=True)), list(wishes.values_list("kind", flat=True))


async def test_a_steer_as_the_provider_finishes(chat, model):
    """It is used by a successor of either end, or given back; never lost, never used twice."""
    for _ in range(5):
        gate, steer = Gate(), model.says("Two.")
        response_id = await chat.prompt(model.says("One ", "done.", gate=gate))
        await chat.shown(response_id, "One ")
        gate.open()
        await chat.send("response.steer", previous_response_id=response_id, input=steer)
        outcome = await chat.until("response.steer.accepted", "response.steer.failed")
        if outcome["type"] == "response.steer.failed":
            assert outcome["steer"]["input"] == steer
            assert model.times_asked(steer) == 0
            continue
        await chat.until("response.completed", response_id=await successor_of(chat, response_id))
        assert model.times_asked(steer) == 1
        before, after = said(await model.asked(steer))[-2:]
        assert before[1] in ("One ", "One done.")
        assert after == ("user", steer)


async def test_a_steer_of_a_response_that_said_all_but_has_not_ended(chat, model):
    gate, steer = Gate(), model.says("Two.")
    prompt = model.answers(Script([chunk("One."), finish(), gate, usage(), done()]))
    response_id = await chat.prompt(prompt)
    await chat.shown(response_id, "One.")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    assert texts(await chat.end(response_id)) == "One."
    successor = await successor_of(chat, response_id)
    while chat.kinds(successor)[-1] != "response.completed":
        await chat.receive()
    assert said(await model.asked(steer))[1:] == [("assistant", "One."), ("user", steer)]


async def successor_of(chat, response_id: str) -> str:
    """The response that names this one as its previous one, as soon as it is created."""
    while True:
        for frame in chat.frames:
            if frame["type"] != "response.created":
                continue
            if frame["response"]["previous_response_id"] == response_id:
                found: str = frame["response"]["id"]
                return found
        await chat.receive()


async def test_too_many_steers_are_given_back(chat, model, served, account):
    """While the end of a response waits, so do its steers."""
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    outcomes = await chat.steer_at_once(response_id, [f"{number}" for number in range(40)])
    used = [f for f in outcomes if f["type"] == "response.steer.accepted"]
    back = {f["steer"]["input"] for f in outcomes if f["type"] == "response.steer.failed"}
    assert len(used) + len(back) == 40
    codes = {f["error"]["code"] for f in outcomes if "error" in f}
    assert codes <= {"too_many_pending_steers", "response_already_completed"}
