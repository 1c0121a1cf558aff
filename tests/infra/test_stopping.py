"""A stop drains: what runs may finish, nothing new is taken, and clients know to come back."""

import asyncio
import signal

import pytest

from tests.gate import Gate
from tests.service import Service, Socket
from tests.upstream import Upstream
from tests.upstream_script import whole


@pytest.fixture(params=["daphne", "uvicorn"])
def stopping(request, database):
    with Upstream().in_thread() as upstream:
        settings = {"OPENAI_BASE_URL": upstream.base_url, "CHAT_MODELS": "test-model"}
        service = Service(request.param, settings).start()
        yield service, upstream
        service.stop()


async def begin(socket: Socket) -> str:
    await socket.send("response.create", input="hello")
    created = await socket.until("response.created")
    await socket.until("response.output_text.delta")
    return created["response_id"]


async def closing_code(socket: Socket) -> int:
    await asyncio.wait_for(socket.connection.wait_closed(), 20)
    code = socket.connection.close_code
    assert code is not None
    return code


async def test_what_runs_may_finish_and_nothing_new_is_taken(stopping, account):
    service, upstream = stopping
    gate = Gate()
    upstream.script = whole("one ", "two", gate=gate)
    async with service.connect(account) as connection:
        socket = Socket(connection)
        response_id = await begin(socket)
        service.signal(signal.SIGTERM)
        async with service.connect(account) as other:
            late = Socket(other)
            answer = {"type": "response.completed"}
            while answer["type"] == "response.completed":  # until the signal has arrived
                await late.send("response.create", generate=False)
                answer = await late.until("error", "response.completed")
            assert answer["error"]["code"] == "shutting_down"
        gate.open()
        ended = await socket.until("response.completed")
        assert ended["response_id"] == response_id
        assert socket.text_of(response_id) == "one two"
        assert await closing_code(socket) in (1001, 1012)
    assert await asyncio.to_thread(service.wait) == 0


async def test_a_second_signal_ends_what_runs_with_its_text_kept(stopping, account):
    service, upstream = stopping
    upstream.script = whole("one ", "two", gate=Gate())
    async with service.connect(account) as connection:
        socket = Socket(connection)
        response_id = await begin(socket)
        service.signal(signal.SIGTERM)
        service.signal(signal.SIGINT)
        ended = await socket.until("response.incomplete")
        assert ended["response"]["incomplete_details"] == {"reason": "interrupted"}
        assert socket.text_of(response_id) == "one "
        assert await closing_code(socket) in (1001, 1012)
    assert await asyncio.to_thread(service.wait) == 0
    seen = await asyncio.to_thread(upstream.wait_for_request)
    await asyncio.to_thread(seen.wait_closed)
