"""How a connection ends by the service's own will: its time is over, or the process stops."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gate import Gate
from tests.service import Service
from tests.upstream import Upstream
from tests.wire.lines import TERMINAL, Line, Model, line, texts

GOING_AWAY, RESTARTING = 1001, 1012
REACHED = "websocket_connection_limit_reached"


def serve(server: str, upstream: Upstream, **settings: str) -> Iterator[Service]:
    """A service of a test's own."""
    running = Service(
        server,
        {
            "OPENAI_BASE_URL": upstream.base_url,
            "OPENAI_API_KEY": "upstream-key",
            "CHAT_MODELS": "test-model",
            **settings,
        },
    ).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def short(served: Service, upstream: Upstream) -> Iterator[Service]:
    """A service whose connections last for a second."""
    yield from serve(served.server, upstream, CHAT_CONNECTION_MINUTES="0.02")


async def test_after_its_time_a_connection_is_closed_and_what_runs_may_finish(
    short, account, model
):
    gate = Gate()
    async with line(short, account) as idle, line(short, account) as busy:
        response_id = await busy.prompt(model.says("One ", "two", gate=gate))
        error = (await idle.refusal())["error"]
        assert error["code"] == REACHED
        assert await idle.closing() == GOING_AWAY
        gate.open()
        assert texts(await busy.end(response_id)) == "One two"
        assert (await busy.refusal())["error"]["code"] == REACHED
        assert await busy.closing() == GOING_AWAY


@pytest.mark.parametrize("store", [True, False], ids=["stored", "not stored"])
async def test_what_runs_may_finish_and_what_waits_is_refused(short, account, model, store):
    gate = Gate()
    # The idle one is the later: when its time is over, so is the other's.
    async with line(short, account) as busy, line(short, account) as idle:
        response_id = await busy.prompt(model.says("One ", "two", gate=gate), store=store)
        waiting = [model.says(f"{number}") for number in range(3)]
        for number, prompt in enumerate(waiting):
            await busy.send("response.create", input=prompt, store=store, event_id=f"p{number}")
        assert (await idle.refusal())["error"]["code"] == REACHED
        assert await idle.closing() == GOING_AWAY
        gate.open()
        ended = (await busy.until(*TERMINAL))["response"]
        assert (ended["id"], texts(ended)) == (response_id, "One two")
        assert await busy.closing() == GOING_AWAY
    refused = [each for each in busy.frames if each["type"] == "error"]
    assert {each["error"]["code"] for each in refused} == {REACHED}
    assert [each.get("event_id") for each in refused] == ["p0", "p1", "p2", None]
    assert [model.times_asked(prompt) for prompt in waiting] == [0, 0, 0]


@pytest.fixture
def leaving(served: Service, upstream: Upstream) -> Iterator[Service]:
    yield from serve(served.server, upstream)


async def test_a_process_that_stops_lets_what_runs_finish_until_it_is_told_again(
    leaving, account, model
):
    gates = [Gate(), Gate()]
    endless = model.begins("One ")
    async with (
        line(leaving, account) as stored,
        line(leaving, account) as unstored,
        line(leaving, account) as last,
        line(leaving, account) as late,
    ):
        lines = [stored, unstored]
        response_ids = [
            await each.prompt(model.says("One ", "two", gate=gate), store=each is stored)
            for each, gate in zip(lines, gates, strict=True)
        ]
        interrupted_id = await last.prompt(endless)
        await last.shown(interrupted_id, "One ")

        leaving.signal(signal.SIGTERM)
        refused = await first_refusal(late, model)
        assert (refused["status"], refused["error"]["code"]) == (503, "shutting_down")
        for each, gate, response_id in zip(lines, gates, response_ids, strict=True):
            gate.open()
            assert texts(await each.end(response_id)) == "One two"

        leaving.signal(signal.SIGTERM)
        interrupted = await last.end(interrupted_id)
        assert (interrupted["status"], texts(interrupted)) == ("incomplete", "One ")
        assert interrupted["incomplete_details"] == {"reason": "interrupted"}
        await (await model.asked(endless)).closed()
        for each in (*lines, last, late):
            assert await each.closing() == RESTARTING
    assert leaving.wait() == 0


async def first_refusal(chat: Line, model: Model) -> dict[str, Any]:
    """Prompt again and again, until a prompt is refused."""
    while True:
        await chat.send("response.create", input=model.says("Yes."), store=False)
        frame = await chat.until("response.completed", "error")
        if frame["type"] == "error":
            return frame
