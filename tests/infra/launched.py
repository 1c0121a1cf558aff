"""The launcher as somebody runs it: a process of its own, and what it says."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from tests.infra.image_check import PROJECT
from tests.infra.services import free_port

START_SECONDS = 60
STOP_SECONDS = 30
READY = "Interject answers at"


class Launched:
    """`python -m project.launch`, or another launcher, on a port and a folder of its own, in a
    process group of its own, as a terminal would run it."""

    def __init__(self, var: Path, *, module: str = "project.launch", **given: str) -> None:
        self.var = var
        self.port = int(given.get("PORT") or free_port())
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        environment |= {"VAR_DIR": str(var), "PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=PROJECT,
            env=environment | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, text: str) -> "Launched":
        while text not in self.said:
            line = self._lines.get(timeout=START_SECONDS)
            assert line is not None, f"it ended: {self.said}{self.complaint()}"
            self.said += line
        return self

    def ready(self) -> "Launched":
        return self.until(READY)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ctrl_c(self) -> int:
        """As a terminal does it: everybody in the group is told at once."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        while not self._lines.empty():
            self.said += self._lines.get() or ""
        return code

    def complaint(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                self._reader.join(STOP_SECONDS)
                stream.close()


def running_in(folder: Path) -> list[str]:
    """Commands of the processes that name a folder of ours."""
    commands = (each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"]))
    return [" ".join(command) for command in commands if str(folder) in " ".join(command)]
