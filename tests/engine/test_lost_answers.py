"""A statement loses its answer, or a start its connection: what was kept goes on, and once."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest

from chat.engine import log, starting
from tests.engine.viewer import SECONDS, Viewer, begin, kept_text
from tests.gate import Gate
from tests.upstream_script import HANG, Script, chunk, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


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


async def test_an_answer_that_was_lost_loses_and_doubles_nothing(
    engine, upstream, identity, monkeypatch
):
    gate, end, lost, answers_arrive = Gate(), Gate(), [], asyncio.Event()
    upstream.script = whole("one ", "two ", "three", gate=[gate, end])
    append = log.append

    async def append_and_lose_the_answer(*arguments):
        kept = await append(*arguments)
        if len(lost) < 3:
            lost.append(kept)
            raise psycopg.OperationalError("the answer was lost")
        answers_arrive.set()
        return kept

    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    monkeypatch.setattr(log, "append", append_and_lose_the_answer)
    gate.open()
    await asyncio.wait_for(answers_arrive.wait(), SECONDS)
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
    start, lost = starting.start, []

    async def start_and_lose_the_answer(*arguments):
        await start(*arguments)
        lost.append(arguments)
        raise psycopg.OperationalError("the answer was lost")

    monkeypatch.setattr(starting, "start", start_and_lose_the_answer)
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
    start, begun, goes_on, openings = starting.start, Gate(), Gate(), []

    async def start_and_take_long(connection, opening):
        opened = await start(connection, opening)
        openings.append(opening)
        begun.open()
        await goes_on.passed()
        return opened

    monkeypatch.setattr(starting, "start", start_and_take_long)
    viewer.send("response.create", input="hello")
    await begun.passed()
    await viewer.drop()
    goes_on.open()
    later = await Viewer(engine, identity).connect()
    later.follow(openings[0].info.conversation_id)
    await later.until(lambda: later.endings)
    assert later.text(openings[0].info.id) == "one"
