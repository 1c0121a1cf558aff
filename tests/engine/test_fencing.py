"""Each attempt at a response fences those before it, whoever makes it: the same process as well."""

import asyncio
from typing import Any

import pytest

from chat.engine.process import Engine
from tests.engine.viewer import Viewer, begin, kept_text
from tests.gate import Gate
from tests.upstream import Upstream
from tests.upstream_script import HANG, Script, chunk, whole

pytestmark = [
    pytest.mark.usefixtures("nothing_is_left_behind"),
    pytest.mark.parametrize("owner", ["another", None], ids=["another process", "this process"]),
]


async def test_a_fenced_run_closes_upstream_and_writes_nothing_more(
    engine: Engine, upstream: Upstream, identity: Any, owner: str | None
):
    gate = Gate()
    upstream.script = whole("mine ", "no more", gate=gate)
    response_id = await begun(engine, identity)
    await attempted_again(engine, response_id, owner)
    gate.open()
    await (await upstream.request()).closed()
    await not_run(engine, response_id)
    assert await kept_text(engine, response_id) == "mine "


async def test_a_fenced_run_that_is_silent_learns_it_when_it_renews_its_lease(
    engine: Engine, upstream: Upstream, identity: Any, owner: str | None
):
    upstream.script = Script([chunk("mine "), HANG])
    response_id = await begun(engine, identity)
    await attempted_again(engine, response_id, owner)
    engine.dispatcher._renewal.renew_now()
    await (await upstream.request()).closed()
    await not_run(engine, response_id)


async def test_a_fenced_run_does_not_write_the_end(
    engine: Engine, upstream: Upstream, identity: Any, owner: str | None
):
    gate = Gate()
    upstream.script = whole("mine ", "", gate=gate)
    response_id = await begun(engine, identity)
    await attempted_again(engine, response_id, owner)
    engine.dispatcher.runs[response_id].cancel({})
    await not_run(engine, response_id)
    async with engine.pool.connection() as connection:
        asked = "SELECT status FROM chat_response WHERE id = %s"
        cursor = await connection.execute(asked, (response_id,))
        assert await cursor.fetchone() == ("in_progress",)


async def begun(engine: Engine, identity: Any) -> str:
    """A response whose first word was shown."""
    viewer = await Viewer(engine, identity).connect()
    response_id, _ = await begin(viewer, "hello")
    assert viewer.text(response_id) == "mine "
    return response_id


async def attempted_again(engine: Engine, response_id: str, owner: str | None) -> None:
    """Its lease is another attempt's. No owner: the same as before."""
    statement = (
        "UPDATE lease SET owner = coalesce(%s, owner), attempt = attempt + 1,"
        " until = now() + interval '1 hour' WHERE response_id = %s"
    )
    async with engine.pool.connection() as connection:
        await connection.execute(statement, (owner, response_id))


async def not_run(engine: Engine, response_id: str) -> None:
    """Wait until the process does not run it any more."""
    async with asyncio.timeout(10):
        while response_id in engine.dispatcher.runs:
            await asyncio.sleep(0.01)
