"""The service as the settings make it when its upstream speaks the Responses API."""

from collections.abc import Iterator

import pytest

from tests.service import Service
from tests.upstream_responses import RESPONSES, calling, chunk, completed, created, ended, message
from tests.upstream_script import Script
from tests.wire.lines import line, texts

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def service(database, upstream) -> Iterator[Service]:
    settings = {
        "OPENAI_API": "responses",
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "test-model",
    }
    running = Service("uvicorn", settings).start()
    yield running
    running.stop()


async def test_a_call_goes_there_and_its_output_back(service, account, model):
    said = message("Let me look.")
    asked = model.answers(
        Script(
            [
                created(),
                chunk("Let me look."),
                ended(said),
                *calling("call_1", '{"n":', "1}", index=1),
                completed(),
            ]
        )
    )
    last = model.answers(RESPONSES.whole("Seen."))
    async with line(service, account) as chat:
        response = await chat.answer(asked, tools=[TOOL])
        assert [each["type"] for each in response["output"]] == ["message", "function_call"]
        outputs = [{"type": "function_call_output", "call_id": "call_1", "output": "seen"}]
        given = [*outputs, {"role": "user", "content": last}]
        after = await chat.answer(given, previous_response_id=response["id"])
        assert texts(after) == "Seen."
    seen = await model.asked(last)
    assert seen.path == "/v1/responses"
    assert [each["type"] for each in seen.json["input"]] == [
        "message", "message", "function_call", "function_call_output", "message",
    ]  # fmt: skip
