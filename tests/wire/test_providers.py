"""Several providers behind the service: whoever answers, it is one answer, and a switch is seen."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat.models import Response
from tests.gate import Gate
from tests.service import Service
from tests.upstream import Upstream
from tests.upstream_script import CUT, Script, chunk, refusal, whole
from tests.wire.lines import kept, line, plain, texts

SWITCH = {"from": "first", "to": "second", "reason": "rate_limit_exceeded"}
BUSY = refusal(429, retry_after="200")


@pytest.fixture(scope="module")
def second() -> Iterator[Upstream]:
    with Upstream().in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def several(
    database, upstream, second, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with two providers; the second is asked when the first cannot be."""
    given = [
        {"name": "first", "base_url": upstream.base_url, "keys": ["FIRST_KEY"]},
        {"name": "second", "base_url": second.base_url, "priority": 2},
    ]
    # A limit is one of its model: a test that is told to wait has a model of its own.
    models = [f"model-{number}" for number in range(10)]
    path: Path = tmp_path_factory.mktemp("providers") / "providers.json"
    path.write_text(json.dumps({"provider": [{**each, "models": models} for each in given]}))
    settings = {"CHAT_PROVIDERS": str(path), "FIRST_KEY": "sk-first"}
    running = Service("uvicorn", settings).start()
    yield running
    running.stop()


@pytest.fixture
async def chat(several, account):
    async with line(several, account) as opened:
        yield opened


def told(frame: dict[str, Any]) -> dict[str, str]:
    return {name: frame[name] for name in SWITCH}


def switches(response: dict[str, Any]) -> list[dict[str, str]]:
    return [told(each) for each in response["interject"]["switches"]]


async def test_a_switch_is_shown_and_kept_with_who_answered(chat, model, second):
    gate = Gate()
    prompt = model.answers(BUSY)
    second.scripts[prompt] = whole("From ", "the second", gate=gate)
    response_id = await chat.prompt(prompt, model="model-1")
    frame = await chat.until("interject:provider_switched")
    assert (told(frame), frame["response_id"]) == (SWITCH, response_id)
    assert frame["sequence_number"] in chat.numbers(response_id)
    gate.open()
    response = await chat.end(response_id)
    assert (response["status"], texts(response)) == ("completed", "From the second")
    assert (response["interject"]["provider"], switches(response)) == ("second", [SWITCH])
    numbers = chat.numbers(response_id)
    assert numbers == list(range(len(numbers))), "the switch has no number of its own"
    row = await kept(lambda: Response.objects.get(pk=response_id))
    assert (row.provider, [told(each) for each in row.switches]) == ("second", [SWITCH])
    shown = (await chat.follow(response["conversation"]["id"]))["responses"][0]
    assert shown["interject"] == response["interject"]


async def test_who_follows_sees_it_at_once_and_who_comes_later_in_the_snapshot(
    several, account, model, second
):
    gate = Gate()
    prompt = model.answers(BUSY)
    second.scripts[prompt] = Script([chunk("Well, "), gate, *whole("so it is").pieces])
    async with plain(several, account) as asking, line(several, account) as following:
        first = await asking.answer(model.says("Hello."), model="model-2")
        conversation = first["conversation"]["id"]
        await following.follow(conversation)
        response_id = await asking.prompt(prompt, conversation=conversation, model="model-2")
        assert told(await following.until("interject:provider_switched")) == SWITCH
        await following.shown(response_id, "Well, ")
        async with line(several, account) as late:
            running = (await late.follow(conversation))["responses"][1]
            assert (running["status"], switches(running)) == ("in_progress", [SWITCH])
        gate.open()
        response = await asking.end(response_id)
        assert texts(response) == "Well, so it is"
        assert asking.ours() == []


async def test_without_a_switch_the_response_says_who_answered_and_no_more(chat, model):
    response = await chat.answer(model.says("Hello."), model="model-0")
    assert response["interject"]["provider"] == "first"
    assert "switches" not in response["interject"]


async def test_what_was_begun_is_not_begun_again_by_another(chat, model, second):
    gate = Gate()
    prompt = model.answers(Script([chunk("Half "), gate, CUT]))
    response_id = await chat.prompt(prompt, model="model-0")
    await chat.shown(response_id, "Half ")
    gate.open()
    response = await chat.end(response_id)
    assert (response["status"], texts(response)) == ("incomplete", "Half ")
    assert response["error"]["code"] == "upstream_cut"
    assert response["interject"]["provider"] == "first"
    assert model.times_asked(prompt) == 1
    assert prompt not in [seen.prompt for seen in second.requests]


async def test_a_stop_acts_while_the_next_try_is_waited_for(chat, model, second):
    soon = refusal(429, retry_after="4.5")
    prompt = model.answers(soon)
    second.scripts[prompt] = soon
    response_id = await chat.prompt(prompt, model="model-3")
    await chat.until("interject:provider_switched")
    await chat.send("interject:cancel", response_id=response_id)
    assert (await chat.end(response_id))["status"] == "cancelled"
    assert model.times_asked(prompt) == 1, "nobody was asked again"


async def test_a_long_wait_is_answered_at_once_when_there_is_nobody_else(chat, model, second):
    prompt = model.answers(BUSY)
    second.scripts[prompt] = BUSY
    response = await chat.answer(prompt, model="model-4")
    assert (response["status"], response["error"]["code"]) == ("failed", "rate_limit_exceeded")
    assert "try again in 3m 20s" in response["error"]["message"]


async def test_what_is_not_stored_is_switched_as_well(chat, model, second):
    prompt = model.answers(BUSY)
    second.scripts[prompt] = whole("From the second")
    response_id = await chat.prompt(prompt, model="model-5", store=False)
    assert told(await chat.until("interject:provider_switched")) == SWITCH
    response = await chat.end(response_id)
    assert (texts(response), switches(response)) == ("From the second", [SWITCH])
