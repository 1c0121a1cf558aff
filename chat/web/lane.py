"""Frames of one kind, done one after another, while other kinds go their own way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Lane(Generic[Work]):
    """A task exists only while there is work. `do` must not raise.

    `max_bytes` bounds what was put and is not done yet; something alone is always taken.
    """

    def __init__(
        self, do: Callable[[Work], Awaitable[None]], *, max_waiting: int, max_bytes: int
    ) -> None:
        self._waiting: deque[tuple[Work, int]] = deque()
        self._do = do
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def put(self, work: Work, size: int) -> bool:
        """False: too much waits already."""
        if len(self._waiting) >= self._max_waiting:
            return False
        if self._bytes and self._bytes + size > self._max_bytes:
            return False
        self._bytes += size
        self._waiting.append((work, size))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return True

    async def finish(self, seconds: float) -> None:
        """Do what is left, within bounds."""
        try:
            if self._task is not None:
                await asyncio.wait({self._task}, timeout=seconds)
        finally:
            await self.stop()

    async def stop(self) -> None:
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                work, size = self._waiting.popleft()
                await self._do(work)
                self._bytes -= size
        finally:
            self._task = None
