"""A connection's time is over: what runs may finish, and what waits is told that it will not."""

from collections.abc import Iterator

import pytest

from tests.gate import Gate
from tests.service import Service
from tests.upstream import Upstream
from tests.wire.lines import TERMINAL, line, texts

REACHED = "websocket_connection_limit_reached"
GOING_AWAY = 1001


@pytest.fixture
def short(served: Service, upstream: Upstream) -> Iterator[Service]:
    """A service whose connections last for a second."""
    settings = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "test-model",
        "CHAT_CONNECTION_MINUTES": "0.02",
    }
    running = Service(served.server, settings).start()
    yield running
    running.stop()


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
