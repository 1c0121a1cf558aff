"""The channel layer of Redis: bounded, and there again when Redis is."""

import asyncio

import pytest
import redis

from chat.engine import layer
from chat.engine.layer import BoundedLayer, BoundedQueue
from tests.infra.services import free_port, redis_server


def test_a_queue_that_nobody_reads_keeps_the_latest(monkeypatch):
    monkeypatch.setattr(layer, "MAX_QUEUED_BYTES", 100)
    queue = BoundedQueue()
    for number in range(50):
        queue.put_nowait(b"%010d" % number)
    kept = [queue.get_nowait() for _ in range(queue.qsize())]
    assert kept == [b"%010d" % number for number in range(40, 50)]


def test_a_message_larger_than_the_bound_is_kept_alone(monkeypatch):
    monkeypatch.setattr(layer, "MAX_QUEUED_BYTES", 100)
    queue = BoundedQueue()
    queue.put_nowait(b"small")
    queue.put_nowait(b"large" * 100)
    assert queue.qsize() == 1


async def test_a_subscription_that_failed_is_made_when_redis_comes():
    port = free_port()
    made = BoundedLayer(hosts=[{"address": f"redis://127.0.0.1:{port}/0"}], prefix="test")
    try:
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                await made.receive("inbox")
        with redis_server(port):
            listening = asyncio.create_task(made.receive("inbox"))
            heard = {}
            while not heard:
                await made.send("inbox", {"type": "hello"})
                done, _ = await asyncio.wait({listening}, timeout=0.1)
                heard = {task.result()["type"] for task in done}
            assert heard == {"hello"}
    finally:
        await made.flush()
