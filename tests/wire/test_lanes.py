"""Lanes: what waits in one is bounded, and what is in one is done in its order."""

import asyncio

from chat.web.lane import Lane
from tests.gate import Gate


class Road:
    """A lane whose work waits for a gate."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.gate = Gate()
        self.lane = Lane(self._do, max_waiting=3, max_bytes=100)

    async def _do(self, work: str) -> None:
        await self.gate.passed()
        self.done.append(work)


async def test_only_so_many_bytes_wait_but_one_alone_may_be_as_large_as_it_likes():
    road = Road()
    assert road.lane.put("large", 500)
    assert not road.lane.put("small", 1)
    road.gate.open()
    await road.lane.finish(5)
    assert road.lane.put("one", 60)
    assert not road.lane.put("two", 60)
    assert road.lane.put("three", 40)
    await road.lane.finish(5)
    assert road.done == ["large", "one", "three"]


async def test_only_so_many_wait():
    road = Road()
    assert road.lane.put("first", 1)
    await asyncio.sleep(0)  # It is being done, and waits no longer.
    assert [road.lane.put(str(number), 1) for number in range(4)] == [True] * 3 + [False]
    road.gate.open()
    await road.lane.finish(5)
    assert road.done == ["first", "0", "1", "2"]


async def test_what_is_left_is_finished_within_bounds():
    road = Road()
    road.lane.put("never", 1)
    async with asyncio.timeout(5):
        await road.lane.finish(0.01)
    road.gate.open()
    assert road.done == []
