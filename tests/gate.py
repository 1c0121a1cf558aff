"""A latch that opens once, for tests: opened and awaited from any thread and any event loop."""

import asyncio
import threading
from contextlib import suppress

SECONDS = 10.0


class Gate:
    """Closed until `open()`, then open for ever. Waiting is bounded, so that no test hangs."""

    def __init__(self, name: str = "gate") -> None:
        self._name = name
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def open(self) -> None:
        with self._lock:
            self._opened.set()
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            with suppress(RuntimeError):  # the loop that waited is gone
                loop.call_soon_threadsafe(_release, future)

    async def passed(self, seconds: float = SECONDS) -> None:
        """Wait for it, from a coroutine. Raises TimeoutError."""
        with self._lock:
            if self._opened.is_set():
                return
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, future))
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            raise TimeoutError(f"{self._name} did not open within {seconds} s") from None

    def wait(self, seconds: float = SECONDS) -> None:
        """Wait for it, from a thread without a loop. Raises TimeoutError."""
        if not self._opened.wait(seconds):
            raise TimeoutError(f"{self._name} did not open within {seconds} s")


def _release(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
