"""What breaks ends, by itself, and holds up nobody else."""

import asyncio

from chat.engine import leases, starting
from chat.engine.answer import Answer
from chat.engine.ephemeral import EphemeralRun
from chat.engine.prompt import Prompt
from chat.engine.run import Run
from chat.protocol import ids
from chat.protocol.coalescer import Coalescer
from tests.engine.test_claiming import parents
from tests.engine.viewer import Viewer, begin
from tests.gate import Gate
from tests.upstream_script import HANG, Script, chunk, whole


async def test_a_run_that_breaks_ends_as_failed_and_the_next_prompt_runs(
    engine, upstream, identity, monkeypatch
):
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    viewer = await Viewer(engine, identity).connect()
    broken, conversation_id = await begin(viewer, "hello")
    with monkeypatch.context() as breaking:
        breaking.setattr(Answer, "conclude", lambda answer: 1 / 0)
        gate.open()
        await viewer.until(lambda: broken in viewer.endings)
    assert viewer.endings[broken]["status"] == "failed"
    viewer.send("response.create", conversation=conversation_id, input="again")
    await viewer.until(lambda: len(viewer.endings) == 2)
    assert list(viewer.endings.values())[1]["status"] == "completed"


async def test_what_cannot_be_encoded_fails_its_own_response_only(
    engine, upstream, identity, monkeypatch
):
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    unlucky, viewer = [await Viewer(engine, identity).connect() for _ in range(2)]
    poisoned, _ = await begin(unlucky, "poisoned")
    well, _ = await begin(viewer, "well")
    coalescer, take = engine.dispatcher.runs[poisoned].answer.coalescer, Coalescer.take

    def take_poison(taken):
        events = take(taken)
        return [{**each, "poison": "\ud800"} for each in events] if taken is coalescer else events

    monkeypatch.setattr(Coalescer, "take", take_poison)
    gate.open()
    await viewer.until(lambda: well in viewer.endings)
    await unlucky.until(lambda: poisoned in unlucky.endings)
    assert viewer.text(well) == "one two"
    assert viewer.endings[well]["status"] == "completed"
    assert unlucky.endings[poisoned]["status"] == "failed"


async def test_what_is_not_stored_and_cannot_be_shown_ends(engine, upstream, identity, monkeypatch):
    upstream.script = Script([chunk("one "), HANG])
    viewer = await Viewer(engine, identity).connect()

    show, shown = EphemeralRun._say, []

    async def show_the_first(run, events):
        if len(shown) == 1:
            shown.append(events)
            raise ValueError("it cannot be encoded")
        shown.append(events)
        await show(run, events)

    monkeypatch.setattr(EphemeralRun, "_say", show_the_first)
    viewer.send("response.create", input="hello", store=False)
    seen = await upstream.request()
    await seen.closed()
    await viewer.until(lambda: viewer.endings)
    assert next(iter(viewer.endings.values()))["status"] in ("failed", "incomplete")


async def test_a_start_that_claims_nothing_uses_no_steer(engine, upstream, identity):
    upstream.script = whole("one")
    viewer = await Viewer(engine, identity).connect()
    first, conversation_id = await begin(viewer, "first")
    await viewer.until(lambda: first in viewer.endings)
    viewer.send("response.create", conversation=conversation_id, input="second")
    await viewer.until(lambda: len(viewer.endings) == 2)
    async with engine.pool.connection() as connection:
        row = await (
            await connection.execute(
                "INSERT INTO intent (response_id, kind, payload)"
                " VALUES (%s, 'steer', '{\"held\": true}') RETURNING id",
                (first,),
            )
        ).fetchone()
        asked = Prompt(
            user_id=identity.user_id,
            username=identity.username,
            items=[],
            request={},
            model="test-model",
            conversation_id=conversation_id,
            parent_id=first,  # Which is not the one that is shown any more.
            shown_parent=True,
            intent_ids=[row[0]],
            response_id=ids.response_id(),
        )
        assert await engine.dispatcher.dispatch(asked) is None
        left = await connection.execute("DELETE FROM intent WHERE id = %s RETURNING id", row)
        assert await left.fetchone() == row


async def test_a_parent_that_is_not_stored_may_have_many_stored_children(
    engine, upstream, identity
):
    upstream.script = whole("one")
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello", store=False)
    await viewer.until(lambda: viewer.endings)
    (parent,) = viewer.endings
    for number in (2, 3):
        viewer.send("response.create", input="and?", previous_response_id=parent)
        await viewer.until(lambda number=number: len(viewer.endings) == number)
    assert {each["status"] for each in viewer.endings.values()} == {"completed"}


async def test_a_stop_interrupts_what_starts_meanwhile_too(engine, upstream, identity, monkeypatch):
    upstream.script = Script([chunk("one "), HANG])
    viewer = await Viewer(engine, identity).connect()
    start, begun, goes_on = starting.start, Gate(), Gate()

    async def start_and_take_long(connection, opening):
        opened = await start(connection, opening)
        begun.open()
        await goes_on.passed()
        return opened

    monkeypatch.setattr(starting, "start", start_and_take_long)
    viewer.send("response.create", input="hello")
    await begun.passed()
    stopping = asyncio.create_task(engine.dispatcher.stop(grace_seconds=0))
    async with asyncio.timeout(10):
        while not engine.dispatcher._ending:
            await asyncio.sleep(0)
    goes_on.open()
    await stopping
    await viewer.until(lambda: viewer.endings)
    (ended,) = viewer.endings.values()
    assert ended["incomplete_details"] == {"reason": "interrupted"}


async def test_a_locked_lease_stops_the_renewal_of_no_other(engine, upstream, identity):
    upstream.script = Script([chunk("one "), HANG])
    tabs = [await Viewer(engine, identity).connect() for _ in range(2)]
    locked, _ = await begin(tabs[0], "locked")
    free, _ = await begin(tabs[1], "free")
    async with engine.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM lease WHERE response_id = %s FOR UPDATE", (locked,))
        attempts = {locked: 1, free: 1}
        assert await leases.renew(engine.pool, engine.process_id, attempts, 30) == {free}
    assert await leases.renew(engine.pool, engine.process_id, attempts, 30) == {free, locked}


async def test_a_waiting_prompt_does_not_overtake_a_steer_that_came_late(
    engine, upstream, identity, monkeypatch
):
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    upstream.scripts["steer"] = whole("steered")
    upstream.scripts["waits"] = whole("waited")
    viewer = await Viewer(engine, identity).connect()
    first, conversation_id = await begin(viewer, "first")
    viewer.send("response.create", conversation=conversation_id, input="waits")
    await viewer.frame("interject:queued")
    with monkeypatch.context() as deaf:
        deaf.setattr(Run, "steer", lambda run, intent: None)
        viewer.send("response.steer", previous_response_id=first, input="steer")
        await viewer.frame("response.steer.accepted")
        gate.open()
        await viewer.until(lambda: len(viewer.endings) == 3)
    chain = await parents(engine, conversation_id)
    assert [parent for _, parent in chain] == [None, chain[0][0], chain[1][0]]
    assert [viewer.text(each) for each, _ in chain] == ["one two", "steered", "waited"]


async def test_a_steer_that_came_to_nothing_is_given_back_with_the_bus_dead(
    engine, upstream, identity, layer, monkeypatch
):
    upstream.script = Script([chunk("one "), HANG])
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    layer.lost = 1.0
    with monkeypatch.context() as deaf:
        deaf.setattr(Run, "steer", lambda run, intent: None)
        deaf.setattr(Run, "cancel", lambda run, receipt: None)
        viewer.send("interject:cancel", response_id=response_id)
        viewer.send("response.steer", previous_response_id=response_id, input="steer")
        await viewer.frame("response.steer.accepted")
    failed = await viewer.frame("response.steer.failed")
    assert failed["steer"]["input"] == "steer"
