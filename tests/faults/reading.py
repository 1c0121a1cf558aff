"""What pages show, by the code that runs in the browser: one Node reads for all of a run."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.screen import Screen
from tests.service import ROOT

Shown = dict[str, Any]  # Of a response: its text, its status and its last number.


async def shown(page: Screen, conversation_id: str) -> dict[str, Shown]:
    """What the page's own session makes of everything that came: each response, by its id."""
    line = json.dumps({"conversation": conversation_id, "steps": page.steps})
    found: dict[str, Shown] = json.loads(await asyncio.to_thread(_read, line))
    return found


def leave() -> None:
    """End the Node that reads, if there is one."""
    if _reader.cache_info().currsize:
        with _reader() as reader:
            reader.kill()
        _reader.cache_clear()


def _read(line: str) -> str:
    reader = _reader()
    assert reader.stdin is not None and reader.stdout is not None
    reader.stdin.write(line + "\n")
    reader.stdin.flush()
    answer: str = reader.stdout.readline()
    assert answer, "the page's own code failed: see what Node says above"
    return answer


@cache
def _reader() -> "subprocess.Popen[str]":
    # Of the virtual environment, wherever it is run from.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    node = shutil.which("node", path=path)
    assert node is not None, "there is no Node"
    command = [node, str(ROOT / "tests" / "js" / "pages.js")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
