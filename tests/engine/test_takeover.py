"""Who runs a response when its owner is gone, and when nobody ran it yet."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings

from chat.database import Pool, make_pool
from chat.engine import leases, renewal, run
from chat.engine.contact import MAX_GAP_SECONDS, Contact
from chat.engine.interest import LASTS_SECONDS, Interest
from chat.engine.process import Engine
from chat.engine.resumption import Next, next_step
from chat.protocol import ids
from chat.providers.catalogue import Catalogue
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.engine.faulty_layer import FaultyLayer
from tests.engine.viewer import Viewer, begin
from tests.upstream import Upstream
from tests.upstream_script import HANG, Script, chunk, done, finish, whole

LEASE_SECONDS = 0.6

STEPS = [
    # waited, said, reruns, wanted: what comes next
    (True, False, 0, set(), Next.RUN),
    (True, False, 1, set(), Next.RUN),
    (True, False, 0, {"cancel"}, Next.CANCEL),
    (True, False, 0, {"steer"}, Next.STEER),
    (False, False, 0, set(), Next.FREE),
    (False, False, 1, set(), Next.INTERRUPT),
    (False, True, 0, set(), Next.INTERRUPT),
    (False, True, 0, {"steer"}, Next.STEER),
    (False, False, 0, {"cancel", "steer"}, Next.CANCEL),
]


@pytest.mark.parametrize(("waited", "said", "reruns", "wanted", "step"), STEPS)
def test_what_is_wanted_comes_first_and_a_model_is_asked_again_once(
    waited: bool, said: bool, reruns: int, wanted: set[str], step: Next
):
    assert next_step(waited=waited, said=said, reruns=reruns, wanted=wanted) is step


def test_contact_lasts_from_the_first_answer_after_the_last_break():
    contact = Contact()
    assert not contact.has_lasted(0, now=0)
    for second in range(10):
        contact.made(second)
    assert contact.has_lasted(9, now=9)
    assert not contact.has_lasted(9.5, now=9)
    contact.lost()
    contact.made(10)
    assert not contact.has_lasted(1, now=10)


def test_whoever_was_stopped_for_a_while_has_seen_nothing_meanwhile():
    contact = Contact()
    contact.made(0)
    assert not contact.has_lasted(5, now=5 + MAX_GAP_SECONDS)
    contact.made(5 + MAX_GAP_SECONDS)
    assert not contact.has_lasted(5, now=6 + MAX_GAP_SECONDS)


def test_interest_is_news_once_and_forgotten_unless_it_is_said_again():
    interest = Interest()
    assert interest.said("a", ["one", "two"], now=0) == ["one", "two"]
    assert interest.said("a", ["one"], now=1) == []
    assert interest.inboxes("one", now=1 + LASTS_SECONDS) == ["a"]
    assert interest.inboxes("two", now=1 + LASTS_SECONDS) == []
    interest.forget_old(now=2 + LASTS_SECONDS)
    assert interest.said("a", ["one"], now=3 + LASTS_SECONDS) == ["one"]


# --- leases


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """Connections of a process without an engine, which would take what these tests put there."""
    opened = make_pool()
    await opened.open(wait=True)
    yield opened
    await opened.close()


async def lease(pool: Pool, owner: str, *, until: float, reruns: int = 0) -> str:
    """A lease of nobody's response. `until` is in seconds from now."""
    response_id = ids.response_id()
    statement = (
        "INSERT INTO lease (response_id, owner, attempt, until, reruns)"
        " VALUES (%s, %s, 1, now() + make_interval(secs => %s), %s)"
    )
    async with pool.connection() as connection:
        await connection.execute(statement, (response_id, owner, until, reruns))
    return response_id


async def forget(pool: Pool, *response_ids: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM lease WHERE response_id = ANY(%s)", [list(response_ids)]
        )


async def test_one_of_many_gets_what_nobody_runs(pool: Pool):
    waiting = [await lease(pool, "", until=-100) for _ in range(6)]
    taken = await asyncio.gather(*(leases.claim(pool, f"owner {n}", 10, 2) for n in range(10)))
    claimed = [each for got in taken for each in got if each.response_id in waiting]
    assert len(claimed) == len({each.response_id for each in claimed})
    assert {each.attempt for each in claimed} <= {2}
    await forget(pool, *waiting)


async def test_a_lease_that_is_renewed_is_not_taken(pool: Pool):
    held = await lease(pool, "somebody", until=5)
    lapsed = await lease(pool, "dead", until=-1)
    own = await lease(pool, "me", until=-1)
    taken = await leases.take_lapsed(pool, "me", 0.1, running=[own])
    names = {each.response_id for each in taken}
    assert lapsed in names
    assert not names & {held, own}
    await forget(pool, held, lapsed, own)


async def test_nobody_takes_over_while_postgres_has_just_come_up(pool: Pool):
    lapsed = await lease(pool, "dead", until=-1)
    an_age = 10 * 365 * 86_400.0
    assert await leases.take_lapsed(pool, "me", an_age, running=[]) == []
    await forget(pool, lapsed)


# --- two processes


@pytest.fixture
async def hasty(engine: Engine, layer: FaultyLayer, settings: Any) -> AsyncIterator[Engine]:
    """Another process, with a short lease. `engine`'s own, begun before, are longer."""
    settings.CHAT = replace(django_settings.CHAT, lease_seconds=LEASE_SECONDS)
    running = Engine(layer=layer, catalogue=engine.catalogue)
    await running.start()
    yield running
    await running.stop(grace_seconds=0)


async def lapse(engine: Engine, response_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the owner had been stopped for longer than its lease."""

    async def nothing() -> None:
        """A process that is stopped renews nothing."""

    monkeypatch.setattr(engine.dispatcher._renewal, "_renew", nothing)
    async with engine.pool.connection() as connection:
        await connection.execute(
            "UPDATE lease SET until = now() - interval '1 second' WHERE response_id = %s",
            (response_id,),
        )


async def test_what_had_text_ends_with_it_and_the_old_owner_stops(
    engine: Engine, hasty: Engine, upstream: Upstream, identity, monkeypatch
):
    upstream.script = Script([chunk("kept "), HANG])
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "begin")
    await viewer.until(lambda: viewer.text(response_id) == "kept ")
    await lapse(engine, response_id, monkeypatch)
    await viewer.until(lambda: response_id in viewer.endings)
    ending = viewer.endings[response_id]
    assert ending["status"] == "incomplete"
    assert ending["incomplete_details"] == {"reason": "interrupted"}
    assert viewer.text(response_id) == "kept "
    await upstream.quiet()  # The old owner closed its own.
    async with asyncio.timeout(10):
        while engine.dispatcher.runs or hasty.dispatcher.runs:
            await asyncio.sleep(0.01)
    await viewer.drop()


async def test_what_had_no_text_is_run_again(
    engine: Engine, hasty: Engine, upstream: Upstream, identity, monkeypatch
):
    answers = [Script([HANG]), whole("the ", "answer")]
    upstream.script = lambda seen: answers[len(upstream.requests) - 1]
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", model="test-model", input="begin")
    response_id = (await viewer.frame("response.created"))["response"]["id"]
    await upstream.request()
    await lapse(engine, response_id, monkeypatch)
    await viewer.until(lambda: response_id in viewer.endings)
    assert viewer.endings[response_id]["status"] == "completed"
    assert viewer.text(response_id) == "the answer"
    assert len(upstream.requests) == 2
    await upstream.quiet()
    await viewer.drop()


async def test_a_wish_outlives_the_owner(
    engine: Engine, hasty: Engine, upstream: Upstream, identity, monkeypatch
):
    """A steer that the old owner never saw to makes its successor all the same."""
    upstream.script = Script([chunk("kept "), HANG])
    upstream.scripts["instead"] = Script([chunk("steered"), finish(), done()])
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "begin")
    await viewer.until(lambda: viewer.text(response_id) == "kept ")
    run = engine.dispatcher.runs[response_id]
    monkeypatch.setattr(run, "steer", lambda intent: None)
    viewer.send("response.steer", previous_response_id=response_id, input="instead")
    await viewer.frame("response.steer.accepted")
    await lapse(engine, response_id, monkeypatch)
    await viewer.until(lambda: len(viewer.endings) == 2)
    assert viewer.endings[response_id]["incomplete_details"] == {"reason": "steered"}
    (successor,) = [each for each in viewer.endings if each != response_id]
    assert viewer.text(successor) == "steered"
    await viewer.drop()


async def test_a_process_that_is_cut_off_for_long_stops_its_models(
    hasty: Engine, upstream: Upstream, identity, monkeypatch
):
    """Others may have taken over meanwhile, and it cannot ask. What it has it keeps."""
    upstream.script = Script([chunk("kept "), HANG])
    viewer = await Viewer(hasty, identity).connect()
    response_id, _ = await begin(viewer, "begin")

    async def unreachable(*_: object) -> set[str]:
        raise OSError("cut off")

    with monkeypatch.context() as cut:
        cut.setattr(leases, "renew", unreachable)
        cut.setattr(renewal, "ISOLATED_SECONDS", 0.0)
        await viewer.until(lambda: response_id in viewer.endings)
    assert viewer.endings[response_id]["incomplete_details"] == {"reason": "interrupted"}
    assert viewer.text(response_id) == "kept "
    await upstream.quiet()
    await viewer.drop()


async def test_what_waited_is_begun_with_its_first_word(
    database, upstream: Upstream, layer: FaultyLayer, identity, settings: Any, monkeypatch
):
    """And not a beat before it, which the first word would then wait out."""
    monkeypatch.setattr(run, "PREAMBLE_SECONDS", 60)  # However long the first word takes here.
    slow = settings.CHAT = replace(django_settings.CHAT, pulse_ms=15_000)
    upstream.script = Script([chunk("the first word"), HANG])
    provider = ChatCompletionsProvider(base_url=upstream.base_url, api_key="key")
    web, worker = (
        Engine(
            pool=make_pool(),
            layer=layer,
            catalogue=Catalogue(provider, ["test-model"]),
            concurrency=concurrency,
        )
        for concurrency in (0, 10)
    )
    await web.start()
    await worker.start()
    viewer = await Viewer(web, identity).connect()
    began = asyncio.get_running_loop().time()
    await begin(viewer, "begin")
    await viewer.until(lambda: "the first word" in map(viewer.text, viewer.numbers))
    assert asyncio.get_running_loop().time() - began < slow.pulse_ms / 1000
    await viewer.drop()
    await web.stop(grace_seconds=0)
    await worker.stop(grace_seconds=0)


async def test_what_waited_is_in_progress_as_soon_as_somebody_runs_it(
    engine: Engine, layer: FaultyLayer, upstream: Upstream, identity
):
    upstream.script = Script([chunk("begun "), HANG])
    web = Engine(layer=layer, catalogue=engine.catalogue, concurrency=0)
    await web.start()
    viewer = await Viewer(web, identity).connect()
    response_id, _ = await begin(viewer, "begin")
    created, *_ = [frame for frame in viewer.frames if frame["type"] == "response.created"]
    assert created["response"]["status"] == "queued"
    async with engine.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT status FROM chat_response WHERE id = %s", (response_id,)
        )
        assert await cursor.fetchone() == ("in_progress",)
    viewer.send("interject:cancel", response_id=response_id)
    await viewer.until(lambda: response_id in viewer.endings)
    await viewer.drop()
    await web.stop(grace_seconds=0)
