"""What becomes of a log after its response ended: it is folded, and one day dropped."""

import pytest

from chat.engine import log
from chat.engine.retention import tidy
from tests.engine.viewer import Viewer
from tests.upstream_script import Script, chunk, done, finish, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


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
