"""The processes of a run: started, waited for, stopped in the reverse order.

Each is a session of its own, so that a Ctrl-C reaches nobody but us, and we stop them all.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 10
POLL_SECONDS = 0.05
LOG_LINES = 20
ROOT = Path(__file__).resolve().parents[2]

Process = subprocess.Popen[Any]


class Failed(Exception):
    """The run cannot go on; its text is for whoever started it."""


class Processes:
    """What runs. What each says goes to a file of `folder`, named after it."""

    def __init__(self, house: ExitStack, folder: Path) -> None:
        self._house = house
        self.folder = folder

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """What is started within is stopped at the end."""
        house, self._house = self._house, ExitStack()
        try:
            with self._house:
                yield
        finally:
            self._house = house

    def listening(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        environment: Mapping[str, str],
        patience: float = 1,
    ) -> Process:
        """Start it, and wait until somebody listens on the port. `patience`: of `stop`."""
        process = self._start(name, command, environment, patience)
        self._wait(name, process, lambda: listens(port))
        return process

    def notifying(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> Process:
        """Start it, and wait until it says that it serves, as systemd has it."""
        folder = self._house.enter_context(tempfile.TemporaryDirectory(prefix="interject-"))
        told = self._house.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        told.bind(f"{folder}/ready")
        told.setblocking(False)
        environment = {**environment, "NOTIFY_SOCKET": f"{folder}/ready"}
        process = self._start(name, command, environment)
        self._wait(name, process, lambda: _was_told(told))
        return process

    def said(self) -> str:
        """The last lines of every process that said anything."""
        logs = sorted(self.folder.glob("*.log"))
        return "".join(f"\n{log.stem}:\n{said}" for log in logs if (said := tail(log)))

    def _start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        patience: float = 1,
    ) -> Process:
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._house.callback(stop, process, patience)
        return process

    def _wait(self, name: str, process: Process, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_there():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{name} does not start:\n{tail(self.log(name))}")
            time.sleep(POLL_SECONDS)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def stop(process: Process, patience: float = 1) -> None:
    """The first signal drains a server, the second ends what runs, the third everything.

    `patience`: seconds after each of the first two.
    """
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience if number == signal.SIGTERM else STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _was_told(told: socket.socket) -> bool:
    try:
        return bool(told.recv(64))
    except BlockingIOError:
        return False
