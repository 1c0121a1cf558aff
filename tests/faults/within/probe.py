"""What a test does to a process from within, and asks of it, by signals.

SIGUSR1 blocks the main thread, and with it the event loop, for `PROBE_BLOCK_SECONDS`; other threads
go on. SIGUSR2 tells which tasks the loop has. Both are answered by a file in `PROBE_FOLDER`.
"""

import asyncio
import json
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

BLOCK_SECONDS = float(os.environ["PROBE_BLOCK_SECONDS"])
TICK_SECONDS = 0.01
_ANSWERS = Path(os.environ["PROBE_FOLDER"])
_NAMELESS = re.compile(r"Task-\d+")


def _answer(question: str, answer: Any) -> None:
    """As a whole, or not there yet."""
    half = _ANSWERS / f".{os.getpid()}"
    half.write_text(json.dumps(answer))
    half.replace(_ANSWERS / f"{question}-{os.getpid()}")


def _block(*_: object) -> None:
    """`ticks`: how often another thread had a turn meanwhile."""
    ticks: list[None] = []
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.wait(TICK_SECONDS):
            ticks.append(None)

    other = threading.Thread(target=tick)
    other.start()
    time.sleep(BLOCK_SECONDS)
    is_over.set()
    other.join()
    _answer("blocked", {"ticks": len(ticks)})


def _tell_tasks(*_: object) -> None:
    _answer("tasks", [_called(task) for task in asyncio.all_tasks()])


def _called(task: "asyncio.Task[Any]") -> str:
    name = task.get_name()
    if not _NAMELESS.fullmatch(name):
        return name
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", coroutine))


signal.signal(signal.SIGUSR1, _block)
signal.signal(signal.SIGUSR2, _tell_tasks)
