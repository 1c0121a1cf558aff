"""Coming back with cursors: exactly what is missing comes, wherever the connection was lost."""

from typing import Any

from django.db import connection
from django.utils import timezone

from chat.models import Response
from chat.protocol import ids
from tests.gate import Gate
from tests.upstream_script import Script, chunk, done, finish, think, usage
from tests.wire.lines import Line, kept, line, texts

WORDS = [f"word{number} " for number in range(12)]


def cursor(response_id: str, number: int) -> dict[str, Any]:
    return {"response_id": response_id, "sequence_number": number}


async def resume(tab: Line, conversation: str, *cursors: dict[str, Any]) -> dict[str, Any]:
    return await tab.follow(conversation, after=list(cursors))


async def test_a_finished_response_is_resumed_wherever_it_was_left(chat, model, served, account):
    words = [step for word in WORDS[:3] for step in (chunk(word), think(word))]
    response = await chat.answer(model.answers(Script([*words, finish(), usage(), done()])))
    response_id, conversation = response["id"], response["conversation"]["id"]
    whole = chat.events(response_id)
    for number in range(0, len(whole) - 1, 4):
        async with line(served, account) as tab:
            frame = await resume(tab, conversation, cursor(response_id, number))
            assert frame["type"] == "interject:followed"
            await tab.end(response_id)
            assert tab.events(response_id) == whole[number + 1 :]


async def test_a_running_response_is_resumed_at_every_step_of_it(chat, model, served, account):
    """The connection is lost, the model goes on, the client comes back with what it has."""
    gates = [Gate() for _ in range(8)]
    steps = [step for gate, word in zip(gates, WORDS, strict=False) for step in (chunk(word), gate)]
    prompt = model.answers(Script([*steps, chunk("end"), finish(), usage(), done()]))
    response_id = await chat.prompt(prompt)
    conversation = chat.conversation_of(response_id)
    got, text = [], ""
    for gate, word in zip(gates, WORDS, strict=False):
        text += word
        async with line(served, account) as tab:
            last = got[-1]["sequence_number"] if got else -1
            frame = await resume(tab, conversation, cursor(response_id, last))
            assert frame["type"] == "interject:followed"
            while text_of([*got, *tab.events(response_id)]) != text:
                await tab.receive()
            got += tab.events(response_id)
        gate.open()
    async with line(served, account) as tab:
        await resume(tab, conversation, cursor(response_id, got[-1]["sequence_number"]))
        await tab.end(response_id)
        got += tab.events(response_id)
    await chat.end(response_id)
    assert got == chat.events(response_id)
    assert [each["sequence_number"] for each in got] == list(range(len(got)))


async def test_responses_that_began_meanwhile_come_from_their_first_event(
    chat, model, served, account
):
    first = await chat.answer(model.says("One."))
    conversation = first["conversation"]["id"]
    second = await chat.answer(model.says("Two."), conversation=conversation)
    last = max(chat.numbers(first["id"]))
    async with line(served, account) as tab:
        frame = await resume(tab, conversation, cursor(first["id"], last))
        assert (frame["type"], frame["queued"]) == ("interject:followed", [])
        await tab.end(second["id"])
        assert tab.events(second["id"]) == chat.events(second["id"])
        assert tab.events(first["id"]) == []


async def test_what_ended_before_all_that_is_named_does_not_come_again(
    chat, model, served, account
):
    """Not even when the database is asked, once a second, what the bus may have lost."""
    earlier = await chat.answer(model.says("Zero."))
    conversation = earlier["conversation"]["id"]
    running = await chat.prompt(model.begins("One "), conversation=conversation)
    await chat.shown(running, "One ")
    async with line(served, account) as tab:
        head = cursor(running, max(chat.numbers(running)))
        assert (await resume(tab, conversation, head))["type"] == "interject:followed"
        # The look tells of responses in their order: once it told of this one, it told of all.
        lost = await kept(lambda: copy_of(earlier["id"]))
        assert texts(await tab.end(lost)) == "Zero."
        assert tab.events(earlier["id"]) == []


def copy_of(response_id: str) -> str:
    """A response that no bus ever told of: the same as another, a moment later."""
    copy = Response.objects.get(pk=response_id)
    copy.pk, copy.created_at = ids.response_id(), timezone.now()
    copy.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO log SELECT %s, first_number, last_number, replace(events, %s, %s)"
            " FROM log WHERE response_id = %s",
            (copy.pk, response_id, copy.pk, response_id),
        )
    return copy.pk


async def test_siblings_are_resumed_side_by_side(chat, model, served, account):
    root = await chat.answer(model.says("Zero."))
    conversation = root["conversation"]["id"]
    gates = [Gate(), Gate()]
    async with line(served, account) as other:
        lines = [chat, other]
        siblings = [
            await each.prompt(model.says("One ", "two", gate=gate), previous_response_id=root["id"])
            for each, gate in zip(lines, gates, strict=True)
        ]
        for each, sibling in zip(lines, siblings, strict=True):
            await each.shown(sibling, "One ")
        heads = [
            cursor(sibling, max(each.numbers(sibling)))
            for each, sibling in zip(lines, siblings, strict=True)
        ]
        async with line(served, account) as tab:
            assert (await resume(tab, conversation, *heads))["type"] == "interject:followed"
            for gate in gates:
                gate.open()
            for _ in siblings:
                await tab.until("response.completed")
            for sibling, head in zip(siblings, heads, strict=True):
                assert tab.text_of(sibling) == "two"
                assert tab.numbers(sibling)[0] == head["sequence_number"] + 1


async def test_a_cursor_ahead_of_the_log_gets_a_snapshot(chat, model, served, account):
    response = await chat.answer(model.says("One."))
    conversation, last = response["conversation"]["id"], max(chat.numbers(response["id"]))
    async with line(served, account) as tab:
        frame = await resume(tab, conversation, cursor(response["id"], last + 1))
        assert frame["type"] == "interject:snapshot"


async def test_a_cursor_at_the_end_gets_nothing_but_what_comes_next(chat, model, served, account):
    response = await chat.answer(model.says("One."))
    conversation, last = response["conversation"]["id"], max(chat.numbers(response["id"]))
    async with line(served, account) as tab:
        await resume(tab, conversation, cursor(response["id"], last))
        assert await tab.fence() == []
        after = await chat.answer(model.says("Two."), conversation=conversation)
        assert texts(await tab.end(after["id"])) == "Two."


async def test_a_cursor_of_an_unknown_response_gets_a_snapshot(chat, model, stranger, served):
    response = await chat.answer(model.says("One."))
    async with line(served, stranger) as strangers:
        theirs = await strangers.answer(model.says("Theirs."))
    for response_id in ("resp_none", theirs["id"]):
        frame = await resume(chat, response["conversation"]["id"], cursor(response_id, 0))
        assert frame["type"] == "interject:snapshot"
        assert [each["id"] for each in frame["responses"]] == [response["id"]]


async def test_a_bad_cursor_is_refused(chat, model):
    response = await chat.answer(model.says("One."))
    conversation = response["conversation"]["id"]
    for after, param in (
        ("resp_1", "after"),
        (["resp_1"], "after[0]"),
        ([{"response_id": "resp_1"}], "sequence_number"),
        ([{"sequence_number": 1}], "response_id"),
        ([{"response_id": "resp_1", "sequence_number": "1"}], "sequence_number"),
    ):
        await chat.send("interject:follow", conversation=conversation, after=after)
        error = (await chat.refusal())["error"]
        assert error["param"].endswith(param)


async def test_a_steer_and_its_successor_are_resumed_as_one(chat, model, served, account):
    response_id = await chat.prompt(model.begins("One "))
    await chat.shown(response_id, "One ")
    conversation, seen = chat.conversation_of(response_id), max(chat.numbers(response_id))
    steer = model.says("Two.")
    await chat.send("response.steer", previous_response_id=response_id, input=steer)
    await chat.end(response_id)
    successor = (await chat.until("response.created"))["response"]["id"]
    await chat.end(successor)
    async with line(served, account) as tab:
        await resume(tab, conversation, cursor(response_id, seen))
        await tab.end(successor)
        assert tab.events(response_id) == chat.events(response_id)[seen + 1 :]
        assert tab.events(successor) == chat.events(successor)


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
