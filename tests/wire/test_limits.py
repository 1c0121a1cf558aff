"""Limits that are settings, where they are low: the window, slow readers, and others."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.gate import Gate
from tests.service import Account, Service
from tests.upstream_script import HANG, Endlessly, Script, chunk, done, finish, ping, think, usage
from tests.wire import standard
from tests.wire.conftest import TIGHT
from tests.wire.deaf import READ_BYTES, deaf
from tests.wire.lines import Line, Model, line, plain, said, texts

WINDOW_EVENTS = int(TIGHT["CHAT_WINDOW_EVENTS"])
FRAME_BYTES = int(TIGHT["CHAT_MAX_FRAME_BYTES"])
OUTSTANDING_BYTES = int(TIGHT["CHAT_OUTSTANDING_BYTES"])
WORDS = [f"word{number} " for number in range(2 * WINDOW_EVENTS)]
FEW = WORDS[:4]
LONG = "x" * (OUTSTANDING_BYTES // 8)  # Its events take about five times as much.


def many_events() -> Script:
    """An answer of many items, and so of many events, however few deltas become of it."""
    steps = [step for word in FEW for step in (chunk(word), think("Hm."))]
    return Script([*steps, finish(), usage(), done()])


async def begin_acks(chat: Line, model: Model) -> None:
    """From its first ack on, a connection is held to the window."""
    response = await chat.answer(model.says("Hello."))
    await acknowledge(chat, response["id"])


async def acknowledge(chat: Line, response_id: str) -> None:
    number = max(chat.numbers(response_id))
    await chat.send("interject:ack", response_id=response_id, sequence_number=number)


class Written(NamedTuple):
    """An answer of many events, that is there to be followed."""

    response_id: str
    conversation: str
    events: list[dict[str, Any]]


@pytest.fixture
async def written(tight: Service, account: Account, model: Model) -> Written:
    async with line(tight, account) as chat:
        response = await chat.answer(model.answers(many_events()))
        response_id = response["id"]
        return Written(response_id, response["conversation"]["id"], chat.events(response_id))


@pytest.fixture
async def tab(tight: Service, account: Account, model: Model) -> AsyncIterator[Line]:
    """A connection of the account that is held to the window."""
    async with line(tight, account) as opened:
        await begin_acks(opened, model)
        yield opened


async def resume(tab: Line, written: Written, after: int) -> None:
    """Follow the conversation, as who knows the events up to this number."""
    cursor = {"response_id": written.response_id, "sequence_number": after}
    await tab.follow(written.conversation, after=[cursor])


async def read_with_acks(chat: Line, response_id: str) -> dict[str, Any]:
    """Read to the end, and say after each event that all so far were shown."""
    while chat.kinds(response_id)[-1:] != ["response.completed"]:
        if chat.numbers(response_id):
            await acknowledge(chat, response_id)
        await chat.receive()
    return chat.events(response_id)[-1]["response"]


async def test_sending_stops_at_the_window_and_goes_on_with_the_acks(tight, account, model):
    gates = [Gate() for _ in WORDS]
    steps = [step for gate, word in zip(gates, WORDS, strict=True) for step in (chunk(word), gate)]
    prompt = model.answers(Script([*steps, finish(), usage(), done()]))
    async with line(tight, account) as chat, line(tight, account) as other:
        await begin_acks(chat, model)
        response_id = await chat.prompt(prompt)
        await other.follow(chat.conversation_of(response_id))
        told = ""
        for gate, word in zip(gates, WORDS, strict=True):
            told += word
            await chat_sees(other, response_id, told)
            gate.open()
        await other.end(response_id)
        await chat.fence()
        assert chat.numbers(response_id) == list(range(WINDOW_EVENTS))

        ended = await read_with_acks(chat, response_id)
        assert texts(ended) == chat.text_of(response_id) == told
        assert chat.numbers(response_id) == list(range(len(chat.numbers(response_id))))
        assert chat.events(response_id)[-3:] == other.events(response_id)[-3:]


async def test_an_ack_of_one_number_makes_room_for_one_event(written, tab):
    await resume(tab, written, after=-1)
    for number in range(3):
        await has_come(tab, written.response_id, WINDOW_EVENTS + number)
        assert tab.numbers(written.response_id) == list(range(WINDOW_EVENTS + number))
        await tab.send("interject:ack", response_id=written.response_id, sequence_number=number)


async def test_a_replay_keeps_to_the_window_and_is_exact(written, tab):
    await resume(tab, written, after=4)
    await has_come(tab, written.response_id, WINDOW_EVENTS)
    assert tab.numbers(written.response_id) == list(range(5, 5 + WINDOW_EVENTS))
    await read_with_acks(tab, written.response_id)
    assert tab.events(written.response_id) == written.events[5:]


async def test_what_is_not_stored_keeps_to_the_window_too(tab, model):
    response_id = await tab.prompt(model.answers(many_events()), store=False)
    ended = await read_with_acks(tab, response_id)
    assert texts(ended) == tab.text_of(response_id) == "".join(FEW)


async def test_answers_are_not_held_by_the_window(tab, model):
    response_id = await tab.prompt(model.answers(many_events()))
    await tab.fence()
    await tab.send("interject:feedback", response_id=response_id, rating=1)
    await tab.until("interject:feedback")


async def test_what_is_shown_no_longer_takes_no_room_in_the_window(written, tab, model):
    response_id = written.response_id
    await resume(tab, written, after=-1)
    await has_come(tab, response_id, WINDOW_EVENTS)
    await tab.send("interject:unfollow", conversation=written.conversation)
    assert texts(await tab.answer(model.says("Yes."))) == "Yes."
    # Acks that were on their way are no mistake; one of what was never sent is.
    await acknowledge(tab, response_id)
    assert await tab.fence() == []
    await tab.send("interject:ack", response_id=response_id, sequence_number=WINDOW_EVENTS)
    assert (await tab.refusal())["error"]["code"] == "invalid_sequence_number"


async def test_a_prompt_that_is_repeated_is_shown_again_within_the_window(tight, account, model):
    prompt = model.answers(many_events())
    async with line(tight, account) as chat:
        response_id = (await chat.answer(prompt, event_id="again"))["id"]
    async with line(tight, account) as tab:
        await begin_acks(tab, model)
        assert await tab.prompt(prompt, event_id="again") == response_id
        await has_come(tab, response_id, WINDOW_EVENTS)
        await acknowledge(tab, response_id)
        await has_come(tab, response_id, 2 * WINDOW_EVENTS)
        tab.frames.clear()
        assert await tab.prompt(prompt, event_id="again") == response_id
        await has_come(tab, response_id, WINDOW_EVENTS)
        ended = await read_with_acks(tab, response_id)
        assert tab.numbers(response_id) == list(range(len(tab.numbers(response_id))))
        assert texts(ended) == tab.text_of(response_id) == "".join(FEW)


async def test_a_client_that_never_acks_is_not_held(tight, account, model):
    async with plain(tight, account) as simple:
        response = await simple.answer(model.answers(many_events()))
        assert texts(response) == "".join(FEW)
        assert len(simple.events(response["id"])) > 2 * WINDOW_EVENTS


async def test_a_client_that_reads_may_be_sent_any_amount(tight, account, model):
    async with plain(tight, account) as simple:
        for _ in range(4):
            assert texts(await simple.answer(model.says(LONG))) == LONG


async def test_what_is_said_may_be_larger_than_what_is_heard(tight, account, model):
    """The limit of a frame is the client's: of a long answer, some of ours are larger."""
    text = "x" * (5 * FRAME_BYTES)
    async with line(tight, account) as chat:
        response = await chat.answer(model.says(text))
        assert texts(response) == chat.text_of(response["id"]) == text


async def test_a_client_for_which_too_much_waits_is_told_so_and_closed(tight, account, model):
    """What the systems of both ends hold waits nowhere else: there has to be more than that."""
    async with line(tight, account) as chat:
        conversation = (await chat.answer(model.says("Root.")))["conversation"]["id"]
        await chat.follow(conversation)
        with deaf(tight, account, room_bytes=READ_BYTES) as client:
            for _ in range(2):
                prompt = model.answers(Script([chunk("x" * 500_000)] * 4 + [finish(), done()]))
                client.send("response.create", input=prompt, conversation=conversation)
                await chat.until("response.completed")
            frames, code = await client.hears()
    standard.check_error_frame(frames[-1])
    assert frames[-1]["error"]["code"] == "slow_consumer"
    assert code == 4408


async def test_a_frame_over_the_limit_is_refused_by_name(tight, account, model):
    async with line(tight, account) as chat:
        for text in ("x" * FRAME_BYTES, "ü" * (FRAME_BYTES // 2)):
            asked = {"type": "response.create", "input": text}
            await chat.connection.send(json.dumps(asked, ensure_ascii=False))
            frame = await chat.refusal()
            assert (frame["status"], frame["error"]["code"]) == (413, "frame_too_large")
            assert str(FRAME_BYTES) in frame["error"]["message"]
        assert texts(await chat.answer(model.says("Still here."))) == "Still here."


async def test_memory_is_bounded_and_forgets_the_oldest(tight, account, model):
    async with line(tight, account) as chat:
        oldest = await chat.answer(model.says("x" * 900), store=False)
        newer = await chat.answer(model.says("y" * 900), store=False)
        await chat.send(
            "response.create", input="And?", previous_response_id=oldest["id"], store=False
        )
        assert (await chat.refusal())["error"]["code"] == "previous_response_not_found"
        prompt = model.says("Yes.")
        await chat.answer(prompt, store=False, previous_response_id=newer["id"])
        assert ("assistant", "y" * 900) in said(await model.asked(prompt))


async def test_a_queue_has_its_limit(tight, account, model):
    going_on = model.answers(Script([Endlessly(chunk("on "), 0.2)]))
    async with line(tight, account) as chat:
        conversation = chat.conversation_of(await chat.prompt(going_on))
        for name in ("p1", "p2"):
            await chat.send(
                "response.create", input="Next.", conversation=conversation, event_id=name
            )
            await chat.until("interject:queued", target_event_id=name)
        await chat.send("response.create", input="Next.", conversation=conversation)
        assert (await chat.refusal())["error"]["code"] == "queue_full"
        # One that waits already has its place.
        await chat.send("response.create", input="Next.", conversation=conversation, event_id="p2")
        assert (await chat.until("interject:queued", "error"))["position"] == 2


async def test_an_upstream_that_falls_silent_is_given_up(tight, account, model):
    """Silent before its first word, in the middle, and in spite of its pings."""
    scripts = {
        "failed": Script(before_head=[HANG]),
        "incomplete": Script([chunk("One "), HANG]),
        "pinging": Script([chunk("One "), Endlessly(ping(), 0.05)]),
    }

    async def ask(script: Script) -> dict[str, Any]:
        async with line(tight, account) as chat:
            prompt = model.answers(script)
            response = await chat.answer(prompt)
            await (await model.asked(prompt)).closed()
            return response

    failed, *others = await asyncio.gather(*map(ask, scripts.values()))
    assert (failed["status"], failed["error"]["code"]) == ("failed", "upstream_timeout")
    assert failed["output"] == []
    for response in others:
        assert (response["status"], texts(response)) == ("incomplete", "One ")
        assert response["incomplete_details"] == {"reason": "upstream_failed"}
        assert response["error"]["code"] == "upstream_timeout"
        assert "1 s" in response["error"]["message"]


async def has_come(tab: Line, response_id: str, count: int) -> None:
    """Wait until so many events have come, and all that was sent with them."""
    while len(tab.numbers(response_id)) < count:
        await tab.receive()
    await tab.fence()


async def chat_sees(chat: Line, response_id: str, text: str) -> None:
    """Wait until this text was shown, in a snapshot or by deltas."""
    while so_far(chat, response_id) != text:
        await chat.receive()


def so_far(chat: Line, response_id: str) -> str:
    before = next(
        (
            part["text"]
            for frame in chat.frames
            if frame["type"] == "interject:snapshot"
            for item in frame["items"]
            if (item["response_id"], item["direction"]) == (response_id, "output")
            for part in item["content"]
        ),
        "",
    )
    return before + chat.text_of(response_id)
