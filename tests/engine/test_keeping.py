"""Keep, then show: the rules of the pulse, each against what breaks without it."""

import asyncio

import pytest

from chat.engine.pace import Pace
from chat.engine.run import Run
from tests.engine.viewer import Viewer, begin, kept_text
from tests.gate import Gate
from tests.upstream_script import HANG, Endlessly, Script, chunk, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


async def test_nothing_is_shown_that_is_not_kept(engine, upstream, identity):
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    assert await kept_text(engine, response_id) == viewer.text(response_id) == "one "
    gate.open()
    await viewer.until(lambda: response_id in viewer.endings)
    assert await kept_text(engine, response_id) == "one two"
    await viewer.drop()


async def test_first_words_do_not_wait_for_the_beat(engine, upstream, identity, monkeypatch):
    upstream.script = Script([chunk("first "), HANG])
    monkeypatch.setattr(engine.pulse._pace, "seconds", 1_000.0)
    for viewer in await viewers(engine, identity, 3):  # The first one's is kept by the only beat.
        response_id, _ = await begin(viewer, "hello")
        assert await kept_text(engine, response_id) == viewer.text(response_id) == "first "
        viewer.send("interject:cancel", response_id=response_id)
        await viewer.until(lambda viewer=viewer, id=response_id: id in viewer.endings)


async def test_an_answer_that_ends_while_its_first_words_are_kept_ends_well(
    engine, upstream, identity, monkeypatch
):
    """What its end closes is kept with the end, although the next beat is there at once."""
    upstream.script = whole("all ", "at ", "once")
    monkeypatch.setattr(engine.pulse, "_pace", Pace(0))
    viewer = await Viewer(engine, identity).connect()
    for _ in range(20):
        response_id, _ = await begin(viewer, "hello")
        await viewer.until(lambda id=response_id: id in viewer.endings)
        assert viewer.endings[response_id]["status"] == "completed"
        assert await kept_text(engine, response_id) == viewer.text(response_id) == "all at once"
    await viewer.drop()


async def test_a_locked_lease_holds_up_its_own_stream_only(engine, upstream, identity):
    gate = Gate()
    upstream.script = whole("first ", "second", gate=gate)
    viewer, other = await viewers(engine, identity, 2)
    locked, _ = await begin(viewer, "locked")
    free, _ = await begin(other, "free")
    async with engine.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM lease WHERE response_id = %s FOR UPDATE", (locked,))
        gate.open()
        await other.until(lambda: free in other.endings)
        assert viewer.text(locked) == "first "
    await viewer.until(lambda: locked in viewer.endings)
    assert viewer.text(locked) == "first second"


async def test_a_batch_that_postgres_refuses_fails_its_own_response_only(
    engine, upstream, identity, monkeypatch
):
    gate, end = Gate(), Gate()
    upstream.script = whole("first ", "second ", "third", gate=[gate, end])
    viewer, other = await viewers(engine, identity, 2)
    poisoned, _ = await begin(viewer, "poisoned")
    sound, _ = await begin(other, "sound")
    freeze = Run.freeze

    def freeze_with_nul(run):
        batch = freeze(run)
        if batch is not None and run.response_id == poisoned:
            run._frozen = batch = replace_text(batch, "\x00")
        return batch

    monkeypatch.setattr(Run, "freeze", freeze_with_nul)
    gate.open()
    await viewer.until(lambda: poisoned in viewer.endings)
    end.open()
    await other.until(lambda: sound in other.endings)
    assert other.endings[sound]["status"] == "completed"
    assert viewer.endings[poisoned]["error"]["code"] == "server_error"


def replace_text(batch, text):
    return type(batch)(*(getattr(batch, name) for name in batch.__struct_fields__[:-1]), text)


async def test_a_run_reads_no_faster_than_it_is_kept(engine, upstream, identity):
    piece = chunk("x" * 8_000)
    upstream.script = Script([chunk("start "), Endlessly(piece, 0)])
    viewer = await Viewer(engine, identity).connect()
    viewer.acknowledges = True
    response_id, _ = await begin(viewer, "hello")
    run = engine.dispatcher.runs[response_id]
    async with engine.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM lease WHERE response_id = %s FOR UPDATE", (response_id,)
        )
        async with asyncio.timeout(10):
            while run.answer.coalescer.pending_chars < 256 * 1024:
                await asyncio.sleep(0.01)
        sent = (await upstream.request()).bytes_sent
        assert run.answer.coalescer.pending_chars < 3 * 256 * 1024
        assert sent < 64 * 1024 * 1024
    viewer.send("interject:cancel", response_id=response_id)
    await viewer.until(lambda: response_id in viewer.endings)
    assert await kept_text(engine, response_id) == viewer.text(response_id)


async def test_what_is_not_stored_is_read_no_faster_than_it_is_shown(engine, upstream, identity):
    upstream.script = Script([chunk("start "), Endlessly(chunk("x" * 8_000), 0)])
    viewer = await Viewer(engine, identity).connect()
    viewer.acknowledges = True
    viewer.send("response.create", input="hello", store=False)
    await viewer.frame("response.output_text.delta")
    viewer.acknowledges = False
    (run,) = engine.dispatcher.hosted
    async with asyncio.timeout(10):
        while run.answer.coalescer.pending_chars < 256 * 1024:
            await asyncio.sleep(0.01)
    sent = (await upstream.request()).bytes_sent
    assert run.answer.coalescer.pending_chars < 3 * 256 * 1024
    assert sent < 64 * 1024 * 1024
    shown = len(viewer.text(run.response_id))
    viewer.acknowledge(run.response_id)
    await viewer.until(lambda: len(viewer.text(run.response_id)) > shown)
    viewer.acknowledges = True
    viewer.acknowledge(run.response_id)
    viewer.send("interject:cancel", response_id=run.response_id)
    await viewer.until(lambda: run.response_id in viewer.endings)
    ended = viewer.endings[run.response_id]
    assert ended["status"] == "cancelled"
    assert ended["output"][0]["content"][0]["text"] == viewer.text(run.response_id)


async def test_a_cancel_reaches_a_mute_upstream_with_the_bus_dead(
    engine, upstream, identity, layer
):
    upstream.script = Script([HANG])
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello")
    created = await viewer.frame("response.created")
    seen = await upstream.request()
    layer.lost = 1.0
    viewer.send("interject:cancel", response_id=created["response_id"])
    await seen.closed()
    await viewer.until(lambda: created["response_id"] in viewer.endings)
    assert viewer.endings[created["response_id"]]["status"] == "cancelled"
    await viewer.frame("interject:cancelled")


async def test_a_stream_goes_on_when_the_bus_delivers_nothing(engine, upstream, identity, layer):
    layer.lost = 1.0
    upstream.script = whole("kept ", "and ", "seen")
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    (response_id,) = viewer.endings
    assert viewer.text(response_id) == "kept and seen"


async def viewers(engine, identity, count: int) -> list[Viewer]:
    return [await Viewer(engine, identity).connect() for _ in range(count)]
