"""A connection hears of a conversation for as long as something of its own is there, no longer.

Every conversation that is listened to is asked for every second.
"""

import asyncio

from chat.engine.process import Engine
from tests.engine.viewer import Viewer, begin
from tests.gate import Gate
from tests.upstream_script import Script, chunk, whole

SECONDS = 10


async def nobody_listens(engine: Engine) -> None:
    async with asyncio.timeout(SECONDS):
        while engine.audience._by_conversation:
            await asyncio.sleep(0.01)  # Nobody is told when nobody listens.


async def test_when_its_responses_have_ended(engine, upstream, identity):
    upstream.script = whole("an ", "answer")
    viewer = await Viewer(engine, identity).connect()
    for number in range(3):
        viewer.send("response.create", input=f"prompt {number}")
    await viewer.until(lambda: len(viewer.endings) == 3)
    await nobody_listens(engine)
    await viewer.drop()


async def test_when_its_prompt_that_waited_has_ended_or_was_withdrawn(engine, upstream, identity):
    gate = Gate()
    upstream.script = whole("an ", "answer", gate=gate)
    viewer = await Viewer(engine, identity).connect()
    other = await Viewer(engine, identity).connect()
    _, conversation_id = await begin(other, "first")
    names = [
        viewer.send("response.create", conversation=conversation_id, input=f"prompt {number}")
        for number in range(2)
    ]
    for name in names:
        await viewer.frame("interject:queued", target_event_id=name)
    other.send("interject:dequeue", target_event_id=names[1])
    await viewer.frame("interject:dequeued", target_event_id=names[1])
    gate.open()
    await viewer.until(lambda: len(viewer.endings) == 1)
    await nobody_listens(engine)
    await viewer.drop()
    await other.drop()


async def test_when_it_has_its_receipt_and_what_it_steered_has_ended(engine, upstream, identity):
    upstream.script = Script([chunk("first "), Gate()])
    upstream.scripts["steer"] = Script([chunk("second "), Gate()])
    viewer = await Viewer(engine, identity).connect()
    other = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "first")
    other.send("response.steer", previous_response_id=response_id, input="steer")
    await other.frame("response.output_text.delta", delta="second ")
    name = viewer.send("interject:cancel", response_id=response_id)
    await viewer.frame("interject:cancelled", event_id=name)
    await nobody_listens(engine)
    await viewer.drop()
    await other.drop()


async def test_but_a_conversation_that_it_follows_it_hears_of_still(engine, upstream, identity):
    upstream.script = whole("an ", "answer")
    viewer = await Viewer(engine, identity).connect()
    _, conversation_id = await begin(viewer, "first")
    viewer.follow(conversation_id)
    await viewer.frame("interject:snapshot")
    await viewer.until(lambda: len(viewer.endings) == 1)
    other = await Viewer(engine, identity).connect()
    other.send("response.create", conversation=conversation_id, input="second")
    await viewer.until(lambda: len(viewer.endings) == 2)
    await viewer.drop()
    await other.drop()
