"""Whose answers the cache keeps, who is given them, and who looks into it at all."""

import pytest

from tests.engine.asking_again import ask, found, kept_of, settled, texts
from tests.engine.viewer import begin
from tests.gate import Gate
from tests.upstream_script import HANG, Script, chunk, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

ASKS = {"interject": {"cache": True}}


@pytest.mark.usefixtures("cached")
async def test_nobody_gets_the_answer_of_another_user(upstream, viewer, stranger):
    upstream.script = whole("To you.")
    await ask(viewer)
    upstream.script = whole("To me.")
    mine = await ask(stranger)
    assert (found(mine), texts(mine)) == ("miss", ["To me."])
    assert texts(await ask(viewer)) == ["To you."]
    assert len(upstream.requests) == 2


async def test_everyone_gets_it_where_that_is_configured(upstream, viewer, stranger, use):
    use(scope="everyone")
    upstream.script = whole("To all.")
    await ask(viewer, "for all")
    mine = await ask(stranger, "for all")
    assert (found(mine), texts(mine)) == ("hit", ["To all."])
    assert len(upstream.requests) == 1


async def test_what_was_kept_for_one_user_stays_theirs_when_all_is_shared_later(
    upstream, viewer, stranger, use
):
    use()
    upstream.script = whole("To you.")
    await ask(viewer, "not for all")
    use(scope="everyone")
    assert found(await ask(stranger, "not for all")) == "miss"


async def test_nobody_looks_and_nothing_is_kept_where_it_is_off(
    engine, upstream, viewer, monkeypatch
):
    monkeypatch.setattr(engine.dispatcher.caching, "_pool", None)
    upstream.script = whole("One.")
    plain, wishing = await ask(viewer), await ask(viewer, **ASKS)
    assert (found(plain), found(wishing)) == (None, "unused")
    assert len(upstream.requests) == 2
    assert await kept_of(viewer) == 0


async def test_without_models_only_prompts_that_ask_for_it_use_it(upstream, viewer, use):
    use(models=frozenset())
    upstream.script = whole("One.")
    said = [await ask(viewer), await ask(viewer), await ask(viewer, **ASKS)]
    assert [*map(found, said), found(await ask(viewer, **ASKS))] == [None, None, "miss", "hit"]
    assert len(upstream.requests) == 3


async def test_all_models_can_be_named_at_once(upstream, viewer, use):
    use(models=frozenset("*"))
    upstream.script = whole("One.")
    assert found(await ask(viewer)) == "miss"


@pytest.mark.usefixtures("cached")
async def test_a_prompt_that_wants_none_is_neither_answered_from_it_nor_kept(upstream, viewer):
    upstream.script = whole("One.")
    await ask(viewer)
    upstream.script = whole("Two.")
    afresh = await ask(viewer, interject={"cache": False})
    assert (found(afresh), texts(afresh)) == (None, ["Two."])
    assert texts(await ask(viewer)) == ["One."]


@pytest.mark.usefixtures("cached")
async def test_what_is_not_stored_neither_reads_nor_writes_it(upstream, viewer):
    upstream.script = whole("One.")
    assert found(await ask(viewer, store=False, **ASKS)) == "unused"
    assert found(await ask(viewer)) == "miss"
    assert found(await ask(viewer, store=False)) is None
    assert len(upstream.requests) == 3


@pytest.mark.usefixtures("cached")
async def test_a_warm_up_has_no_answer_to_keep(upstream, viewer):
    assert found(await ask(viewer, generate=False)) is None
    assert await kept_of(viewer) == 0


async def test_what_waited_and_what_a_steer_made_of_it_has_the_same_wish(
    engine, upstream, viewer, use
):
    use(models=frozenset())
    gate = Gate()
    upstream.script = Script([chunk("One "), gate, *whole("two.").pieces])
    first, conversation = await begin(viewer, "hello")
    waiting = viewer.send("response.create", input="on", conversation=conversation, **ASKS)
    await viewer.frame("interject:queued", target_event_id=waiting)
    upstream.script = Script([chunk("Two "), HANG])
    gate.open()
    await viewer.until(lambda: first in viewer.parents.values())
    (second,) = [each for each, parent in viewer.parents.items() if parent == first]
    await viewer.until(lambda: viewer.text(second))
    upstream.script = whole("Three.")
    viewer.send("response.steer", previous_response_id=second, input="Three!")
    await viewer.until(lambda: second in viewer.parents.values())
    (third,) = [each for each, parent in viewer.parents.items() if parent == second]
    await viewer.until(lambda: third in viewer.endings)
    marks = [found(viewer.endings[each]) for each in (first, second, third)]
    assert marks == [None, "miss", "miss"]
    await settled(engine)
    assert await kept_of(viewer) == 1, "of the three, one was whole and had asked for it"
