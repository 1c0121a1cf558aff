"""What happens to a conversation while somebody is about to follow it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chat import snapshot
from chat.engine.process import Engine
from chat.models import Conversation
from chat.web import followings
from tests.engine.viewer import Viewer, begin
from tests.upstream_script import HANG, Script, chunk

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
