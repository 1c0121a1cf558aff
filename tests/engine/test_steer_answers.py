"""The answers to a steer, in the order in which things happen to it."""

import asyncio
from typing import Any

import pytest

from chat import services
from chat.engine.notices import SteerHeld
from chat.engine.process import Engine
from chat.web.session import Session
from tests.engine.viewer import Viewer
from tests.upstream import Upstream
from tests.upstream_script import HANG, Script, call, chunk

TOOL = {"type": "function", "name": "look", "parameters": {}, "strict": False, "description": None}


async def test_a_steer_that_is_held_at_once_is_accepted_before(
    engine: Engine, viewer: Viewer, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    held, request, notice = asyncio.Event(), services.request_steer, Session.notice

    async def wait_until_it_is_held(*asked: Any) -> Any:
        done = await request(*asked)
        await held.wait()
        return done

    def hear(session: Session, heard: Any) -> None:
        notice(session, heard)
        if isinstance(heard, SteerHeld):
            held.set()

    monkeypatch.setattr(services, "request_steer", wait_until_it_is_held)
    monkeypatch.setattr(Session, "notice", hear)
    # At once: what comes behind a call makes it whole, but is not shown yet.
    upstream.script = Script([call(0, "call_1", "look", "{}") + chunk("Meanwhile "), HANG])
    viewer.send("response.create", input="look", tools=[TOOL])
    called = await viewer.frame("response.function_call_arguments.delta")
    viewer.send("response.steer", previous_response_id=called["response_id"], input="Gently.")
    await viewer.frame("response.steer.pending")
    answers = [each["type"] for each in viewer.frames if "steer" in each["type"]]
    assert answers == ["response.steer.accepted", "response.steer.pending"]
    await viewer.drop()
