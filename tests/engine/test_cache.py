"""The cache of answers: what is given again, which answers are kept, and that it never fails one.

Upstream is a real one, and counts.
"""

import asyncio
from typing import Any

import pytest

from chat.database import make_pool
from chat.engine import caching
from chat.engine.process import Engine
from chat.providers.catalogue import Catalogue
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.engine.asking_again import POLICY, ask, execute, found, kept_of, texts
from tests.engine.faulty_layer import FaultyLayer
from tests.engine.viewer import Viewer
from tests.upstream_script import CUT, Script, call, chunk, done, finish, say, usage, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

CALLS = Script([call(0, "call_1", "look", '{"at":1}'), finish("tool_calls"), done()])
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.usefixtures("cached")
async def test_the_same_prompt_is_answered_again_without_upstream(engine, upstream, viewer):
    upstream.script = Script([*say("One ", "two."), finish(), usage(3, 4), done()])
    first = await ask(viewer)
    again = await ask(viewer)
    assert len(upstream.requests) == 1
    assert (found(first), found(again)) == ("miss", "hit")
    assert again["status"] == "completed"
    assert texts(again) == texts(first) == ["One two."]
    assert again["usage"] == first["usage"]
    assert again["interject"]["provider"] == first["interject"]["provider"]
    assert again["output"][0]["id"] != first["output"][0]["id"]
    assert viewer.text(again["id"]) == "One two."


@pytest.mark.usefixtures("cached")
async def test_it_is_marked_for_who_comes_later_as_well(engine, upstream, viewer):
    upstream.script = whole("One.")
    for response in [await ask(viewer), await ask(viewer)]:
        again = await Viewer(engine, viewer.identity).connect()
        again.follow(response["conversation"]["id"])
        snapshot = await again.frame("interject:snapshot")
        shown = snapshot["responses"][0]
        assert shown["interject"] == response["interject"]
        assert shown["usage"] == response["usage"]


@pytest.mark.usefixtures("cached")
async def test_another_prompt_and_another_setting_are_asked_upstream(upstream, viewer):
    upstream.script = whole("One.")
    await ask(viewer)
    await ask(viewer, "Hello")
    await ask(viewer, temperature=0.5)
    await ask(viewer, instructions="Be brief.")
    assert len(upstream.requests) == 4


@pytest.mark.usefixtures("cached")
async def test_a_whole_conversation_can_be_had_again(upstream, viewer):
    """Answers with calls as well: what names them is minted anew, and is no part of the key."""
    talks = []
    for _ in range(2):
        upstream.script = CALLS
        first = await ask(viewer, tools=[TOOL])
        (made,) = first["output"]
        output = {"type": "function_call_output", "call_id": made["call_id"], "output": "blue"}
        upstream.script = whole("It is blue.")
        second = await ask(viewer, [output], tools=[TOOL], previous_response_id=first["id"])
        talks.append((made, second))
    assert len(upstream.requests) == 2
    (call_before, _), (call_again, answer) = talks
    assert call_again["arguments"] == call_before["arguments"] == '{"at":1}'
    assert call_again["call_id"] != call_before["call_id"]
    assert (found(answer), texts(answer)) == ("hit", ["It is blue."])


@pytest.mark.usefixtures("cached")
async def test_two_calls_of_one_cached_answer_can_stand_in_one_branch(upstream, viewer):
    upstream.script = CALLS
    calls = [(await ask(viewer, tools=[TOOL]))["output"][0] for _ in range(3)]
    assert len(upstream.requests) == 1
    outputs = [
        {"type": "function_call_output", "call_id": each["call_id"], "output": "blue"}
        for each in calls
    ]
    upstream.script = whole("Blue, blue and blue.")
    assert texts(await ask(viewer, [*calls, *outputs])) == ["Blue, blue and blue."]


async def test_another_process_finds_what_this_one_kept(engine, upstream, viewer, use):
    use()
    upstream.script = whole("One.")
    await ask(viewer)
    provider = ChatCompletionsProvider(base_url=upstream.base_url, api_key="key")
    other = Engine(
        pool=make_pool(), layer=FaultyLayer(seed=2), catalogue=Catalogue(provider, ["test-model"])
    )
    await other.start()
    try:
        other.dispatcher.caching.policy = POLICY
        there = await Viewer(other, viewer.identity).connect()
        assert found(await ask(there)) == "hit"
        await there.drop()
    finally:
        await other.stop(grace_seconds=0)
    assert len(upstream.requests) == 1


BAD = {
    "cut by its limit": Script([chunk("x"), finish("length"), done()]),
    "filtered": Script([chunk("x"), finish("content_filter"), done()]),
    "broken off": Script([chunk("x"), CUT]),
    "empty": Script([finish(), done()]),
}


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("how", BAD)
async def test_only_whole_good_answers_are_kept(upstream, viewer, how):
    upstream.script = BAD[how]
    await ask(viewer)
    assert await kept_of(viewer) == 0


async def test_an_answer_that_is_too_large_is_not_kept(upstream, viewer, use):
    use(answer_bytes=100)
    upstream.script = whole("é" * 60)
    assert found(await ask(viewer)) == "miss"
    assert await kept_of(viewer) == 0


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("row", ["", "nonsense", '{"provider":"x","deltas":[]}'])
async def test_a_bad_row_is_as_good_as_none_and_is_replaced(engine, upstream, viewer, row):
    upstream.script = whole("One.")
    await ask(viewer)
    spoil = "UPDATE cached_answer SET answer = %s WHERE user_id = %s"
    await execute(engine, spoil, row, viewer.identity.user_id)
    said = [await ask(viewer), await ask(viewer)]
    assert [*map(found, said)] == ["miss", "hit"]
    assert texts(said[0]) == ["One."]


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_a_cache_that_cannot_be_used_fails_no_response(upstream, viewer, monkeypatch, how):
    async def broken(*_given: Any, **_named: Any) -> Any:
        if how == "hangs":
            await asyncio.Event().wait()  # That nobody sets.
        raise OSError("Postgres is away")

    monkeypatch.setattr(caching, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("chat.engine.cached_answers.find", broken)
    upstream.script = whole("One.")
    response = await ask(viewer)
    assert (response["status"], found(response)) == ("completed", "miss")
    assert texts(response) == ["One."]


@pytest.mark.usefixtures("cached")
async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(upstream, viewer, monkeypatch):
    async def broken(*_given: Any) -> None:
        raise OSError("Postgres is away")

    monkeypatch.setattr("chat.engine.cached_answers.keep", broken)
    upstream.script = whole("One.")
    assert (await ask(viewer))["status"] == "completed"
