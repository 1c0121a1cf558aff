"""Frames of one kind, done one after another, while other kinds go their own way.

A connection has a lane for prompts, which may wait long, one for reads, which may be large, and one
for control: a stop never waits behind either.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Lane(Generic[Work]):
    """A task exists only while there is work. `do` must not raise."""

    def __init__(self, do: Callable[[Work], Awaitable[None]], max_waiting: int) -> None:
        self.waiting: deque[Work] = deque()
        self._do = do
        self._max_waiting = max_waiting
        self._task: asyncio.Task[None] | None = None

    def put(self, work: Work) -> bool:
        """False: too much waits already."""
        if len(self.waiting) >= self._max_waiting:
            return False
        self.waiting.append(work)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return True

    async def stop(self) -> None:
        self.waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self.waiting:
                await self._do(self.waiting.popleft())
        finally:
            self._task = None
