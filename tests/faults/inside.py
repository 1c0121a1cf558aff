"""What is asked of a process from within: `within/probe.py` answers, in the process itself."""

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from tests.service import ROOT, Process

WITHIN = ROOT / "tests" / "faults" / "within"
SECONDS = 10
BLOCK_SECONDS = 2.0


def settings(answers: Path) -> dict[str, str]:
    """What has a process answer, by files in that folder."""
    return {
        "PYTHONPATH": str(WITHIN),
        "PROBE_FOLDER": str(answers),
        "PROBE_BLOCK_SECONDS": str(BLOCK_SECONDS),
    }


async def tasks(process: Process, answers: Path) -> "Counter[str]":
    """How many tasks of each name, or of each coroutine, its loop has."""
    return Counter(await _asked(process, answers, signal.SIGUSR2, "tasks"))


async def blocked(process: Process, answers: Path) -> int:
    """Block its event loop, wait until it goes on. Returns how often another thread had a turn."""
    answer = await _asked(process, answers, signal.SIGUSR1, "blocked")
    ticks: int = answer["ticks"]
    return ticks


async def _asked(process: Process, answers: Path, number: int, question: str) -> Any:
    """Send the signal, and wait for the file: a process that is busy answers when it is not."""
    file = answers / f"{question}-{process.pid}"
    file.unlink(missing_ok=True)
    process.signal(number)
    async with asyncio.timeout(SECONDS):
        while not file.exists():
            assert process.is_running, f"it ended when it was asked for its {question}"
            await asyncio.sleep(0.01)
    return json.loads(file.read_text())
