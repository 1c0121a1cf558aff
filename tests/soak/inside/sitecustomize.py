"""Loaded by Python itself in every process of the soak: counts what only the inside knows.

A thread writes, every few seconds, how many tasks asyncio holds and how many objects the collector
watches, to `$SOAK_COUNTS/<pid>`. A debugging address in the service could tell as much, and would
be there in production too.
"""

import asyncio
import gc
import json
import os
import threading
import time
from pathlib import Path

EVERY_SECONDS = 2.0
# asyncio's own register of tasks; its name has changed with the versions.
REGISTERS = ("_all_tasks", "_scheduled_tasks")


def _tasks() -> int | None:
    for name in REGISTERS:
        register = getattr(asyncio.tasks, name, None)
        if register is not None:
            return len(register)
    return None


def _count(file: Path) -> None:
    draft = file.with_suffix(".new")
    while True:
        time.sleep(EVERY_SECONDS)
        counts = {"tasks": _tasks(), "objects": len(gc.get_objects())}
        draft.write_text(json.dumps(counts))
        draft.replace(file)


if folder := os.environ.get("SOAK_COUNTS"):
    path = Path(folder, str(os.getpid()))
    threading.Thread(target=_count, args=(path,), daemon=True, name="soak").start()
