"""Clients that go, or stop reading: what they asked for is done, and nothing of them stays."""

from collections.abc import Iterator

import pytest

from tests.gate import Gate
from tests.service import Service
from tests.upstream import Upstream
from tests.upstream_script import Endlessly, Script, chunk, done, finish, usage
from tests.wire.deaf import deaf
from tests.wire.lines import line, said

LONG = "x" * 100_000
MUCH = Script([Endlessly(chunk(LONG), 0.01)])


async def test_a_stop_that_was_sent_before_the_socket_closed_is_done(served, account, model):
    prompt = model.begins("One ")
    async with line(served, account) as chat:
        response_id = await chat.prompt(prompt)
        await chat.shown(response_id, "One ")
        conversation = chat.conversation_of(response_id)
        await chat.send("interject:feedback", response_id=response_id, rating=-1)
        await chat.send("interject:cancel", response_id=response_id)
    await (await model.asked(prompt)).closed()
    async with line(served, account) as later:
        snapshot = await later.follow(conversation)
        if snapshot["responses"][-1]["status"] == "in_progress":
            assert (await later.end(response_id))["status"] == "cancelled"
        else:
            assert snapshot["responses"][-1]["status"] == "cancelled"
        assert [each["rating"] for each in snapshot["feedback"]] == [-1]


async def test_a_steer_that_was_sent_before_the_socket_closed_is_done(served, account, model):
    steer = model.says("Two.")
    async with line(served, account) as chat:
        response_id = await chat.prompt(model.begins("One "))
        await chat.shown(response_id, "One ")
        await chat.send("response.steer", previous_response_id=response_id, input=steer)
    assert ("user", steer) in said(await model.asked(steer))


@pytest.fixture(scope="module")
def impatient(served: Service, upstream: Upstream) -> Iterator[Service]:
    """A service that waits for no one long."""
    settings = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "test-model",
        "CHAT_SEND_SECONDS": "0.5",
        "CHAT_ANSWER_CHARS": "5000000",
    }
    running = Service(served.server, settings).start()
    yield running
    running.stop()


async def test_a_client_that_stops_reading_is_dropped_and_its_session_ends(
    impatient, account, model
):
    """Its session ends: so does what it wanted to end with it."""
    prompt = model.answers(MUCH)
    with deaf(impatient, account) as client:
        client.send("response.create", input=prompt, interject={"on_disconnect": "cancel"})
        await client.dropped()
        await (await model.asked(prompt)).closed()


async def test_what_a_client_that_stops_reading_started_goes_on_without_it(
    impatient, account, model
):
    gate = Gate()
    prompt = model.answers(
        Script([*[chunk(LONG)] * 40, gate, chunk(" The end."), finish(), usage(), done()])
    )
    async with line(impatient, account) as chat:
        root = await chat.answer(model.says("Root."))
        conversation = root["conversation"]["id"]
        with deaf(impatient, account) as client:
            client.send("response.create", input=prompt, conversation=conversation)
            await client.dropped()
        gate.open()
        await (await model.asked(prompt)).answered()
        snapshot = await chat.follow(conversation)
        if snapshot["responses"][-1]["status"] != "completed":
            await chat.end(snapshot["responses"][-1]["id"])
            snapshot = await chat.follow(conversation)
        assert snapshot["items"][-1]["content"][0]["text"] == LONG * 40 + " The end."
