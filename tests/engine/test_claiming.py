"""Claim, don't check: whatever comes at once, one of them gets it and the others see that."""

import asyncio

import pytest

from chat.engine.run import Run
from tests.engine.viewer import Viewer, begin
from tests.gate import Gate
from tests.upstream_script import Script, chunk, done, finish, say, whole

PARENTS = "SELECT id, parent_id FROM chat_response WHERE conversation_id = %s ORDER BY created_at"


async def parents(engine, conversation_id: str) -> list[tuple[str, str | None]]:
    async with engine.pool.connection() as connection:
        return await (await connection.execute(PARENTS, (conversation_id,))).fetchall()


async def test_prompts_that_come_at_once_make_no_siblings(engine, upstream, identity):
    upstream.script = whole("an ", "answer")
    first = await Viewer(engine, identity).connect()
    _, conversation_id = await begin(first, "first")
    tabs = [await Viewer(engine, identity).connect() for _ in range(8)]
    for number, tab in enumerate(tabs):
        tab.send("response.create", conversation=conversation_id, input=f"prompt {number}")
    for tab in tabs:
        await tab.until(lambda tab=tab: tab.endings)
    chain = await parents(engine, conversation_id)
    assert len(chain) == 9
    assert [parent for _, parent in chain] == [None, *(response for response, _ in chain[:-1])]
    for tab in [first, *tabs]:
        await tab.drop()


async def test_one_event_id_sent_by_many_tabs_at_once_is_done_once(engine, upstream, identity):
    upstream.script = whole("once")
    tabs = [await Viewer(engine, identity).connect() for _ in range(6)]
    for tab in tabs:
        tab.send("response.create", input="the same", event_id="the-same-event")
    for tab in tabs:
        await tab.until(lambda tab=tab: tab.endings)
    assert len({next(iter(tab.endings)) for tab in tabs}) == 1
    assert len(upstream.requests) == 1
    for tab in tabs:
        await tab.drop()


async def test_a_prompt_queued_as_its_predecessor_ends_is_not_stranded(engine, upstream, identity):
    upstream.script = Script([*say("short"), finish(), done()])
    viewer = await Viewer(engine, identity).connect()
    _, conversation_id = await begin(viewer, "first")
    for number in range(20):
        ended = len(viewer.endings)
        viewer.send("response.create", conversation=conversation_id, input=f"prompt {number}")
        viewer.send("response.create", conversation=conversation_id, input=f"second {number}")
        await viewer.until(lambda ended=ended: len(viewer.endings) >= ended + 2)
    await viewer.drop()


async def test_steers_before_the_commit_make_one_successor_in_their_order(
    engine, upstream, identity, monkeypatch
):
    upstream.script = Script([chunk("first "), Gate()])
    upstream.scripts["steer 4"] = whole("taken up")
    viewer = await Viewer(engine, identity).connect()
    response_id, conversation_id = await begin(viewer, "first")
    with monkeypatch.context() as busy:
        busy.setattr(Run, "steer", lambda run, intent: None)
        for number in range(5):
            viewer.send("response.steer", previous_response_id=response_id, input=f"steer {number}")
        await viewer.until(
            lambda: sum(f["type"] == "response.steer.accepted" for f in viewer.frames) == 5
        )
    await viewer.until(lambda: len(viewer.endings) == 2)
    chain = await parents(engine, conversation_id)
    assert len(chain) == 2
    asked = [message["content"] for message in upstream.requests[-1].json["messages"]]
    assert asked == ["first", "first ", *(f"steer {number}" for number in range(5))]
    await viewer.drop()


@pytest.mark.parametrize("order", [("cancel", "steer"), ("steer", "cancel")])
async def test_a_cancel_and_a_steer_at_once_end_in_a_stop(engine, upstream, identity, order):
    upstream.script = Script([chunk("first "), Gate()])
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "first")
    for kind in order:
        if kind == "cancel":
            viewer.send("interject:cancel", response_id=response_id)
        else:
            viewer.send("response.steer", previous_response_id=response_id, input="steer")
    await viewer.frame("interject:cancelled")
    async with asyncio.timeout(10):
        while engine.dispatcher.runs:
            await asyncio.sleep(0.01)
    statuses = [ending["status"] for ending in viewer.endings.values()]
    assert "cancelled" in statuses
    await upstream.quiet()
    await viewer.drop()
