"""The work of a process that its stop waits for: begun, waited for within bounds, given up."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Done = TypeVar("Done")


class Work:
    """Tasks. None is lost sight of, and a stop knows when there are none left."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hurry = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Done], name: str | None = None) -> asyncio.Task[Done]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, seconds: float) -> None:
        """Until none is left, within bounds. More may follow from what ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))  # `wait` cancels none of them.

    async def let_finish(self, seconds: float) -> None:
        """The same, but for no longer than until it is hurried."""
        finished = asyncio.ensure_future(self.finish(seconds))
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({finished, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finished.cancel()
        hurried.cancel()

    def hurry(self) -> None:
        self._hurry.set()

    def give_up(self) -> None:
        for task in self._tasks:
            task.cancel()
