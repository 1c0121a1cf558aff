"""Loaded by Python itself in every process of the soak: counts what only the inside knows.

A thread writes, every few seconds, how many tasks asyncio holds (and of what, mostly) and how many
objects the collector watches, to `$SOAK_COUNTS/<pid>`. While `$SOAK_COUNTS/collect` is there,
garbage is collected before: what is counted then is what somebody holds. A debugging address in
the service could tell as much, and would be there in production too.
"""

import asyncio
import gc
import json
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

SHOWN = 12
EVERY_SECONDS = 2.0
# asyncio's own register of tasks; its name has changed with the versions.
REGISTERS = ("_all_tasks", "_scheduled_tasks")


def _tasks() -> Counter[str] | None:
    """How many of each coroutine. None: it cannot be said."""
    for name in REGISTERS:
        register = getattr(asyncio.tasks, name, None)
        with suppress(RuntimeError):  # It changed under our hands: the next look has it.
            if register is not None:
                # One that is done may lie there until the collector comes by.
                return Counter(_coroutine(task) for task in list(register) if not task.done())
    return None


def _coroutine(task: "asyncio.Task[Any]") -> str:
    return getattr(task.get_coro(), "__qualname__", "?")


def _count(file: Path) -> None:
    draft = file.with_suffix(".new")
    while True:
        time.sleep(EVERY_SECONDS)
        if file.with_name("collect").exists():
            gc.collect()
        found = _tasks()
        counts = {
            "tasks": None if found is None else found.total(),
            "objects": len(gc.get_objects()),
            "most": dict((found or Counter()).most_common(SHOWN)),
        }
        draft.write_text(json.dumps(counts))
        draft.replace(file)


if folder := os.environ.get("SOAK_COUNTS"):
    path = Path(folder, str(os.getpid()))
    threading.Thread(target=_count, args=(path,), daemon=True, name="soak").start()
