"""The `openai` package's own WebSocket client, unchanged."""

from typing import Any

from tests.gate import Gate
from tests.wire.lines import TERMINAL, said, texts
from tests.wire.standard import openai_types


async def read(connection: Any, *kinds: str) -> list[Any]:
    """The events up to one of these types, each of the class that the package has for it."""
    events = []
    while not events or events[-1].type not in kinds:
        event = await connection.recv()
        assert type(event) is openai_types()[event.type]
        events.append(event)
    return events


async def test_it_creates_and_reads_to_the_end(served, account, model):
    prompt = model.says("Hello, ", "world", "!")
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(model="test-model", input=prompt)
        events = await read(connection, *TERMINAL)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Hello, world!"
    assert events[-1].response.usage.output_tokens == 11


async def test_it_continues_by_previous_response_id(served, account, model):
    first, second = model.says("Paris."), model.says("Two million.")
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(input=first)
        before = (await read(connection, *TERMINAL))[-1].response
        await connection.response.create(input=second, previous_response_id=before.id)
        after = (await read(connection, *TERMINAL))[-1].response
    assert after.previous_response_id == before.id
    assert said(await model.asked(second)) == [
        ("user", first),
        ("assistant", "Paris."),
        ("user", second),
    ]


async def test_it_steers_a_running_response(served, account, model):
    prompt, steer = model.begins("Once ", "upon "), model.says("Shorter.")
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(input=prompt)
        first = (await read(connection, "response.output_text.delta"))[0].response
        await connection.response.steer(input=steer, previous_response_id=first.id)
        accepted = (await read(connection, "response.steer.accepted"))[-1]
        steered = (await read(connection, "response.incomplete"))[-1].response
        successor = (await read(connection, "response.created"))[-1].response
        completed = (await read(connection, "response.completed"))[-1].response
    assert accepted.steer.previous_response_id == first.id
    assert (steered.id, steered.incomplete_details.reason) == (first.id, "steered")
    assert successor.previous_response_id == first.id
    assert completed.id == successor.id
    assert completed.output_text == "Shorter."


async def test_a_steer_that_comes_too_late_is_given_back(served, account, model):
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(input=model.says("Done."))
        ended = (await read(connection, *TERMINAL))[-1].response
        await connection.response.steer(input="Wait!", previous_response_id=ended.id)
        failed = (await read(connection, "response.steer.failed"))[-1]
    assert failed.error.code == "response_already_completed"
    assert failed.steer.input == "Wait!"


async def test_it_reads_an_error_and_goes_on(served, account, model):
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(input="Hello", model="no-such-model")
        error = await connection.recv()
        assert error.type == "error"
        assert error.error.code == "model_not_found"
        await connection.response.create(input=model.says("Here."))
        events = await read(connection, *TERMINAL)
    assert events[-1].response.output_text == "Here."


async def test_it_never_sees_a_frame_of_our_own(served, account, model, chat):
    """Another client of the same account follows, cancels and rates meanwhile."""
    gate = Gate()
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(input=model.says("One ", "two", gate=gate))
        created = (await read(connection, "response.created"))[-1].response
        await chat.send("interject:follow", conversation=created.conversation.id)
        await chat.until("interject:snapshot")
        await chat.send("interject:typing", conversation=created.conversation.id)
        await chat.send("interject:feedback", response_id=created.id, rating=1)
        await chat.until("interject:feedback")
        gate.open()
        events = await read(connection, *TERMINAL)
    assert all(event.type.startswith("response.") for event in events)
    assert texts(events[-1].response.model_dump()) == "One two"
