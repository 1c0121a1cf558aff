"""How long a cached answer is kept, what it goes with, and that it can be stopped as any other."""

import asyncio
from typing import Any

import pytest

from chat import services
from chat.engine.cached_answers import Bounds
from chat.engine.process import Engine
from chat.engine.retention import tidy
from chat.models import User
from tests.engine.asking_again import ask, execute, found, kept_of, settled, texts
from tests.engine.viewer import Viewer
from tests.upstream_script import whole
from tests.wire.lines import kept

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


async def half_said(viewer: Viewer) -> str:
    """Ask for an answer that is kept; returns once its first piece was shown."""
    before = set(viewer.numbers)
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: any(viewer.text(each) for each in set(viewer.numbers) - before))
    (response_id,) = set(viewer.numbers) - before
    return response_id


@pytest.mark.usefixtures("cached")
async def test_a_cached_answer_is_stopped_in_the_middle(engine, upstream, viewer):
    upstream.script = whole("word " * 10_000)
    await ask(viewer)
    response_id = await half_said(viewer)
    viewer.send("interject:cancel", response_id=response_id)
    frame = await viewer.frame("interject:cancelled", response_id=response_id)
    ended = viewer.endings[response_id]
    assert (ended["status"], found(ended)) == ("cancelled", "hit")
    assert 0 < len(viewer.text(response_id)) < 50_000
    assert frame["receipt"]["upstream_closed_at"] is None, "upstream was never open"
    assert len(upstream.requests) == 1


@pytest.mark.usefixtures("cached")
async def test_a_cached_answer_is_steered_in_the_middle(engine, upstream, viewer):
    upstream.script = whole("word " * 10_000)
    await ask(viewer)
    response_id = await half_said(viewer)
    upstream.script = whole("Shorter.")
    viewer.send("response.steer", previous_response_id=response_id, input="Shorter!")
    await viewer.until(lambda: response_id in viewer.parents.values())
    (successor,) = [each for each, parent in viewer.parents.items() if parent == response_id]
    await viewer.until(lambda: successor in viewer.endings)
    assert viewer.endings[response_id]["incomplete_details"] == {"reason": "steered"}
    assert viewer.text(successor) == "Shorter."
    await settled(engine)


@pytest.mark.usefixtures("cached")
async def test_an_answer_that_is_too_old_is_asked_for_again_and_replaced(engine, upstream, viewer):
    upstream.script = whole("Old.")
    await ask(viewer)
    await grow_old(viewer, 3601)
    upstream.script = whole("New.")
    assert texts(await ask(viewer)) == ["New."]
    again = await ask(viewer)
    assert (found(again), texts(again)) == ("hit", ["New."])


@pytest.mark.usefixtures("cached")
async def test_what_is_too_old_is_tidied_away(engine, upstream, viewer):
    upstream.script = whole("Old.")
    await ask(viewer)
    await tidied(engine, Bounds(3600, 1 << 40))
    assert await kept_of(viewer) == 1
    await grow_old(viewer, 3601)
    await tidied(engine, Bounds(3600, 1 << 40))
    assert await kept_of(viewer) == 0


@pytest.mark.usefixtures("cached")
async def test_of_too_much_the_oldest_is_tidied_away(engine, upstream, viewer):
    await execute(engine, "DELETE FROM cached_answer")
    for prompt in ("one", "two", "three"):
        upstream.script = whole(prompt * 1000)
        await ask(viewer, prompt)
    await tidied(engine, Bounds(3600, 3000 + 5000 + 1500))
    upstream.script = whole("Asked.")
    said = [await ask(viewer, prompt) for prompt in ("three", "two", "one")]
    assert [*map(found, said)] == ["hit", "hit", "miss"]


async def grow_old(viewer: Viewer, seconds: float) -> None:
    older = "UPDATE cached_answer SET kept_at = kept_at - make_interval(secs => %s)"
    own = " WHERE user_id = %s"
    await execute(viewer.engine, older + own, seconds, viewer.identity.user_id)


async def tidied(engine: Engine, bounds: Bounds) -> None:
    await tidy(engine.pool, retention_seconds=86_400, cached=bounds)


@pytest.fixture
def here(engine: Engine, monkeypatch) -> None:
    """What services do, they do by this engine."""

    async def this_one() -> Engine:
        return engine

    monkeypatch.setattr("chat.services.conversations.current_engine", this_one)


@pytest.mark.usefixtures("cached", "here")
async def test_an_answer_goes_with_its_conversation(upstream, viewer):
    upstream.script = whole("Secret.")
    first = await ask(viewer)
    await services.delete_conversation(viewer.identity.user_id, first["conversation"]["id"])
    upstream.script = whole("Nothing.")
    again = await ask(viewer)
    assert (found(again), texts(again)) == ("miss", ["Nothing."])


async def test_everyones_answers_go_with_the_conversation_as_well(
    upstream, viewer, stranger, use, here
):
    use(scope="everyone")
    upstream.script = whole("Secret.")
    first = await ask(viewer, "a secret")
    await services.delete_conversation(viewer.identity.user_id, first["conversation"]["id"])
    assert found(await ask(stranger, "a secret")) == "miss"


@pytest.mark.usefixtures("cached")
async def test_an_answer_goes_with_its_user(upstream, viewer):
    upstream.script = whole("Secret.")
    await ask(viewer)
    await kept(lambda: User.objects.get(pk=viewer.identity.user_id).delete())
    assert await kept_of(viewer) == 0


@pytest.mark.usefixtures("cached", "here")
async def test_an_answer_whose_conversation_is_deleted_as_it_ends_is_not_kept(
    engine, upstream, viewer, monkeypatch
):
    upstream.script = whole("Secret.")
    caching_of = engine.dispatcher.caching
    keeping = asyncio.Event()
    keep = caching_of._keep

    async def late(*given: Any) -> None:
        await keeping.wait()
        await keep(*given)

    monkeypatch.setattr(caching_of, "_keep", late)
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    (ended,) = viewer.endings.values()
    await services.delete_conversation(viewer.identity.user_id, ended["conversation"]["id"])
    keeping.set()
    await settled(engine)
    assert await kept_of(viewer) == 0
