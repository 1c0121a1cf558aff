"""What happens to a conversation while somebody is about to follow it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chat import snapshot
from chat.engine.process import Engine
from chat.models import Conversation
from chat.web import followings
from tests.engine.viewer import Viewer, begin
from tests.upstream_script import HANG, Script, chunk, done, finish

Meanwhile = Callable[[], Awaitable[None]]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], None]:
    """Have something happen between a wish to follow and its answer."""

    def set_up(happens: Meanwhile) -> None:
        async def read(*where: Any) -> Any:
            found = await snapshot.snapshot(*where)
            await happens()
            return found

        monkeypatch.setattr(followings, "snapshot", read)

    return set_up


async def test_a_stranger_is_told_of_nothing_but_its_error(
    engine: Engine, viewer: Viewer, stranger: Viewer, upstream, meanwhile
):
    upstream.script = Script([chunk("kept "), HANG])
    _, conversation_id = await begin(viewer, "begin")
    meanwhile(engine.audience._look)
    stranger.follow(conversation_id)
    error = await stranger.frame("error")
    assert error["error"]["code"] == "conversation_not_found"
    assert stranger.frames == [error]
    await stranger.drop()
    await viewer.drop()


@pytest.mark.parametrize("heard", ["by its events", "by a look only"])
async def test_an_answer_that_begins_meanwhile_is_shown_after_what_was_there_before(
    engine: Engine, viewer: Viewer, identity, upstream, meanwhile, monkeypatch, heard
):
    """A page takes a snapshot for all there is: what it was shown before would be gone."""
    upstream.script = Script([chunk("first "), finish(), done()])
    _, conversation_id = await begin(viewer, "begin")
    viewer.follow(conversation_id)
    await viewer.frame("interject:snapshot")
    asking = await Viewer(engine, identity).connect()
    if heard == "by a look only":
        monkeypatch.setattr(asking._session, "offer", lambda *_: None)

    async def prompt() -> None:
        asking.send("response.create", input="go on", conversation=conversation_id)
        await viewer.until(lambda: len(viewer.endings) == 2, "the end of the second answer")
        await engine.audience._look()

    meanwhile(prompt)
    asking.follow(conversation_id)
    await asking.until(lambda: len(asking.endings) == 2, "the end of its answer")
    shown = [frame["type"] for frame in asking.frames]
    assert shown[:2] == ["interject:snapshot", "response.created"]
    await asking.drop()
    await viewer.drop()


async def test_a_conversation_that_is_removed_is_not_shown_any_more(
    engine: Engine, viewer: Viewer, identity, upstream, meanwhile
):
    upstream.script = Script([chunk("kept "), HANG])
    _, conversation_id = await begin(viewer, "begin")
    other = await Viewer(engine, identity).connect()

    async def removal() -> None:
        await Conversation.objects.filter(id=conversation_id).adelete()
        await engine.audience._look()

    meanwhile(removal)
    other.follow(conversation_id)
    error = await other.frame("error")
    assert error["error"]["code"] == "conversation_not_found"
    assert other.frames == [error]
    assert conversation_id not in engine.audience._by_conversation
    await other.drop()
    await viewer.drop()
