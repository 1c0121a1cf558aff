"""A loop whose clock jumps to whatever is due next: nobody waits, and every time is exact."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class HastyLoop(asyncio.SelectorEventLoop):
    """`now` is its time, in seconds; a test may set it forward."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self.now


class _Impatient(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    def __init__(self, loop: HastyLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(0 if timeout else timeout)
        if timeout and not ready:
            self._loop.now += timeout
        return ready


def in_no_time(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        return runner.run(work)
