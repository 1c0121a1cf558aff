"""Keep, then show: the rules of the pulse, each against what breaks without it."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest

from chat.engine import log, records
from chat.engine.retention import tidy
from chat.engine.run import Run
from tests.engine.viewer import Viewer
from tests.gate import Gate
from tests.upstream_script import HANG, Endlessly, Script, chunk, done, finish, whole


class ForgetfulPool:
    """A pool that commits the first thing that is done with it, and then loses the answer."""

    def __init__(self, pool):
        self._pool = pool
        self.has_forgotten = False

    @asynccontextmanager
    async def connection(self):
        async with self._pool.connection() as connection:
            yield connection
        if not self.has_forgotten:
            self.has_forgotten = True
            raise psycopg.OperationalError("the answer was lost")


async def begin(viewer: Viewer, text: str) -> tuple[str, str]:
    """Prompt, and wait for the response's first text. Returns its id and its conversation's."""
    event_id = viewer.send("response.create", input=text)
    await viewer.until(
        lambda: any(
            frame["type"] == "response.created"
            and frame["response"]["interject"]["event_id"] == event_id
            for frame in viewer.frames
        )
    )
    created = next(
        frame["response"]
        for frame in viewer.frames
        if frame["type"] == "response.created"
        and frame["response"]["interject"]["event_id"] == event_id
    )
    await viewer.until(lambda: viewer.text(created["id"]))
    return created["id"], created["conversation"]["id"]


async def kept_text(engine, response_id: str) -> str:
    viewer, wanted = Viewer(engine, None), 0
    while runs := await log.read(engine.pool, response_id, wanted):
        for first, frames in runs:
            wanted = first + len(frames)
            for frame in frames:
                await viewer._take(frame)
    return viewer.text(response_id)


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


async def test_an_answer_that_was_lost_loses_and_doubles_nothing(
    engine, upstream, identity, monkeypatch
):
    gate, end, lost = Gate(), Gate(), []
    upstream.script = whole("one ", "two ", "three", gate=[gate, end])
    append = log.append

    async def append_and_lose_the_answer(*arguments):
        kept = await append(*arguments)
        if len(lost) < 3:
            lost.append(kept)
            raise psycopg.OperationalError("the answer was lost")
        return kept

    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    monkeypatch.setattr(log, "append", append_and_lose_the_answer)
    gate.open()
    await viewer.until(lambda: viewer.text(response_id) == "one two ")
    assert len(lost) == 3
    end.open()
    await viewer.until(lambda: response_id in viewer.endings)
    assert viewer.text(response_id) == await kept_text(engine, response_id) == "one two three"


async def test_an_end_whose_answer_was_lost_is_written_once(
    engine, upstream, identity, monkeypatch
):
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    pool = ForgetfulPool(engine.pool)
    monkeypatch.setattr(engine.succession, "_pool", pool)
    gate.open()
    await viewer.until(lambda: response_id in viewer.endings)
    assert pool.has_forgotten
    assert viewer.text(response_id) == await kept_text(engine, response_id) == "one two"


async def test_a_successor_runs_although_the_answer_to_its_beginning_was_lost(
    engine, upstream, identity, monkeypatch
):
    upstream.script = Script([chunk("one "), HANG])
    upstream.scripts["steer"] = whole("two")
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    await engine.succession.stop()  # Nothing else asks its pool.
    pool = ForgetfulPool(engine.pool)
    monkeypatch.setattr(engine.succession, "_pool", pool)
    viewer.send("response.steer", previous_response_id=response_id, input="steer")
    await viewer.until(lambda: len(viewer.endings) == 2)
    assert pool.has_forgotten
    assert [viewer.text(each) for each in viewer.endings] == ["one ", "two"]


async def test_a_start_whose_answer_was_lost_is_run(engine, upstream, identity, monkeypatch):
    upstream.script = whole("one")
    viewer = await Viewer(engine, identity).connect()
    start, lost = records.start, []

    async def start_and_lose_the_answer(*arguments):
        await start(*arguments)
        lost.append(arguments)
        raise psycopg.OperationalError("the answer was lost")

    monkeypatch.setattr(records, "start", start_and_lose_the_answer)
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    assert len(lost) == 1
    (response_id,) = viewer.endings
    assert viewer.text(response_id) == await kept_text(engine, response_id) == "one"


async def test_a_response_whose_connection_closed_as_it_was_started_runs_to_its_end(
    engine, upstream, identity, monkeypatch
):
    upstream.script = whole("one")
    viewer = await Viewer(engine, identity).connect()
    start, begun, goes_on, openings = records.start, Gate(), Gate(), []

    async def start_and_take_long(connection, opening):
        opened = await start(connection, opening)
        openings.append(opening)
        begun.open()
        await goes_on.passed()
        return opened

    monkeypatch.setattr(records, "start", start_and_take_long)
    viewer.send("response.create", input="hello")
    await begun.passed()
    await viewer.drop()
    goes_on.open()
    later = await Viewer(engine, identity).connect()
    later.follow(openings[0].info.conversation_id)
    await later.until(lambda: later.endings)
    assert later.text(openings[0].info.id) == "one"


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


async def test_a_fenced_run_closes_upstream_and_writes_nothing_more(engine, upstream, identity):
    gate = Gate()
    upstream.script = whole("mine ", "no more", gate=gate)
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    async with engine.pool.connection() as connection:
        await connection.execute(
            "UPDATE lease SET owner = 'another', attempt = 2 WHERE response_id = %s",
            (response_id,),
        )
    gate.open()
    await (await upstream.request()).closed()
    async with asyncio.timeout(10):
        while response_id in engine.dispatcher.runs:
            await asyncio.sleep(0.01)
    assert await kept_text(engine, response_id) == "mine "


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


async def test_a_folded_log_replays_the_same_events(engine, upstream, identity):
    upstream.script = whole("one ", "two ", "three")
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    (response_id,) = viewer.endings
    unfolded = await log.read(engine.pool, response_id, 0)
    before = [frame for _, frames in unfolded for frame in frames]
    async with engine.pool.connection() as connection:
        await connection.execute(
            "UPDATE chat_response SET ended_at = ended_at - interval '1 minute' WHERE id = %s",
            (response_id,),
        )
    assert await tidy_all(engine, retention_seconds=3600) >= 1
    runs = await log.read(engine.pool, response_id, 0)
    assert [first for first, _ in runs] == [0]
    assert runs[0][1] == before
    third = await log.read(engine.pool, response_id, 3)
    assert third == [(3, before[3:])]


async def test_a_log_past_its_retention_is_dropped_and_the_items_stay(engine, upstream, identity):
    upstream.script = Script([chunk("short"), finish(), done()])
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    (response_id,) = viewer.endings
    async with engine.pool.connection() as connection:
        await connection.execute(
            "UPDATE chat_response SET ended_at = ended_at - interval '2 days' WHERE id = %s",
            (response_id,),
        )
    await tidy_all(engine, retention_seconds=86_400)
    assert await log.read(engine.pool, response_id, 0) == []
    again = await Viewer(engine, identity).connect()
    again.follow(viewer.endings[response_id]["conversation"]["id"])
    await again.frame("interject:snapshot")
    assert again.text(response_id) == "short"


async def tidy_all(engine, retention_seconds: float) -> int:
    """Until nothing is left to fold, of this test's and of those before it."""
    folded = 0
    while now := await tidy(engine.pool, retention_seconds):
        folded += now
    return folded


async def viewers(engine, identity, count: int) -> list[Viewer]:
    return [await Viewer(engine, identity).connect() for _ in range(count)]


@pytest.fixture(autouse=True)
async def nothing_is_left_behind(engine, upstream):
    yield
    for viewer in list(engine.audience._by_connection.values()):
        await viewer.finish()
