"""The cache of answers: whose they are, which are kept, for how long, and that it never fails one.

Upstream is a real one, and counts.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chat import services
from chat.access import Identity
from chat.database import make_pool
from chat.engine import caching
from chat.engine.cached_answers import Bounds
from chat.engine.caching import Policy
from chat.engine.process import Engine
from chat.engine.retention import tidy
from chat.models import ApiKey, User
from chat.providers.catalogue import Catalogue
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.engine.faulty_layer import FaultyLayer
from tests.engine.viewer import Viewer, begin
from tests.gate import Gate
from tests.service import new_account
from tests.upstream_script import CUT, HANG, Script, call, chunk, done, finish, say, usage, whole
from tests.wire.lines import kept

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")

POLICY = Policy(scope="user", models=frozenset(["test-model"]), seconds=3600, answer_bytes=100_000)
ASKS = {"interject": {"cache": True}}
CALLS = Script([call(0, "call_1", "look", '{"at":1}'), finish("tool_calls"), done()])
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def use(engine: Engine) -> Callable[..., None]:
    """Have the engine use a cache, with settings other than the usual."""

    def use(**fields: Any) -> None:
        given = {name: getattr(POLICY, name) for name in POLICY.__struct_fields__} | fields
        engine.dispatcher.caching.policy = Policy(**given)

    return use


@pytest.fixture
def cached(use: Callable[..., None]) -> None:
    use()


@pytest.fixture
async def viewer(engine: Engine, identity: Identity) -> Viewer:
    return await Viewer(engine, identity).connect()


@pytest.fixture
def somebody_else(database) -> Identity:
    other = new_account()
    key = ApiKey.objects.get(user=other.user)
    return Identity(user_id=other.user.pk, username=other.username, api_key_id=key.pk)


@pytest.fixture
async def stranger(engine: Engine, somebody_else: Identity) -> Viewer:
    return await Viewer(engine, somebody_else).connect()


async def ask(viewer: Viewer, text: Any = "hello", **fields: Any) -> dict[str, Any]:
    """Prompt. Returns the response as it ended, when all that follows was done."""
    event_id = viewer.send("response.create", input=text, **fields)

    def ended() -> dict[str, Any] | None:
        for response in viewer.endings.values():
            if event_id in response["interject"]["event_ids"]:
                return response
        return None

    await viewer.until(ended, f"the end of {text}")
    response = ended()
    assert response is not None
    await settled(viewer.engine)
    return response


async def settled(engine: Engine) -> None:
    """Until what is done beside everything else is done."""
    await engine.dispatcher._work.finish(10)


def found(response: dict[str, Any]) -> str | None:
    """Whether its answer was found in the cache."""
    return response["interject"].get("cache")


def texts(response: dict[str, Any]) -> list[str]:
    return [part["text"] for item in response["output"] for part in item.get("content", ())]


async def execute(engine: Engine, statement: str, *parameters: Any) -> int:
    async with engine.pool.connection() as connection:
        return (await connection.execute(statement, parameters)).rowcount


async def kept_of(viewer: Viewer) -> int:
    statement = "SELECT FROM cached_answer WHERE user_id = %s"
    return await execute(viewer.engine, statement, viewer.identity.user_id)


# --- the same again


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


# --- whose


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


# --- who uses it


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


# --- which answers


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


# --- stopped in the middle


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


# --- for how long


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


# --- what is deleted is gone


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


# --- a broken cache


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
