"""The processes of a cluster: started, started again when they die, replaced one by one, stopped.

Owns the children and nothing else. A child says by `NOTIFY_SOCKET`, as systemd has it, that it
serves; the one that it replaces is told to stop only then.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from project.environment import BASE_DIR
from project.preflight import CannotStart

READY_SECONDS = 60
POLL_SECONDS = 0.1
# A child that dies at once is not started again at once.
AGAIN_SECONDS = 1.0


class Child:
    """One process. `command` is what follows `manage.py`."""

    def __init__(
        self, name: str, command: Sequence[str], given: Mapping[str, str], fds: Sequence[int]
    ) -> None:
        self.name, self.command = name, command
        self._folder = tempfile.TemporaryDirectory(prefix="interject-")
        address = str(Path(self._folder.name, "ready"))
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(address)
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "ignore", "manage.py", *command],
            cwd=BASE_DIR,
            env={**os.environ, **given, "NOTIFY_SOCKET": address},
            pass_fds=fds,
            # A Ctrl-C in the terminal is for us: we tell them in order, and once.
            start_new_session=True,
        )
        self.began = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_until_ready(self) -> bool:
        """Whether it serves now. False: it died, or was too slow."""
        deadline = time.monotonic() + READY_SECONDS
        self._ready.settimeout(POLL_SECONDS)
        while self.is_running and time.monotonic() < deadline:
            try:
                self._ready.recv(64)
            except TimeoutError:
                continue
            return True
        return False

    def tell(self, number: int) -> None:
        if self.is_running:
            self.process.send_signal(number)

    def forget(self) -> None:
        self._ready.close()
        self._folder.cleanup()


class Fleet:
    """`commands`: what each child runs, by its name. `fds` are left open for them.

    `say` is told what happens to them.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        given: Mapping[str, str],
        fds: Sequence[int],
        say: Callable[[str], None],
    ) -> None:
        self._commands = commands
        self._given = given
        self._fds = fds
        self._say = say
        self._children: list[Child] = []
        self._leaving: list[Child] = []
        self._stops = 0
        self._replaces = False

    def start(self) -> None:
        """Raises `CannotStart` where a child does not come to serve."""
        self._children = [self._child(name) for name in self._commands]
        for child in self._children:
            if not child.wait_until_ready():
                raise CannotStart(f"{child.name} did not start")

    def run(self) -> None:
        """Watch over them until told to stop, then until all have stopped."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGUSR1, self._on_replace)
        while not self._stops:
            time.sleep(POLL_SECONDS)
            self._bury()
            self._start_again()
            if self._replaces:
                self._replaces = False
                self._replace_all()
        self.stop()

    def stop(self) -> None:
        """Tell all to stop and wait for them; each further signal tells them once more."""
        told = 0
        while running := [each for each in self._everybody if each.is_running]:
            if told < max(1, self._stops):
                told += 1
                for child in running:
                    child.tell(signal.SIGTERM)
            time.sleep(POLL_SECONDS)
        for child in self._everybody:
            child.forget()

    @property
    def _everybody(self) -> list[Child]:
        return [*self._children, *self._leaving]

    def _on_stop(self, *_: object) -> None:
        self._stops += 1

    def _on_replace(self, *_: object) -> None:
        self._replaces = True

    def _child(self, name: str) -> Child:
        return Child(name, self._commands[name], self._given, self._fds)

    def _bury(self) -> None:
        """Those that were replaced, and have drained by now."""
        for child in [each for each in self._leaving if not each.is_running]:
            child.forget()
            self._leaving.remove(child)
            self._say(f"{child.name}: the old one has stopped")

    def _start_again(self) -> None:
        for place, child in enumerate(self._children):
            if not child.is_running and time.monotonic() - child.began > AGAIN_SECONDS:
                self._say(f"{child.name} ended with {child.process.returncode}: started again")
                child.forget()
                self._children[place] = self._child(child.name)

    def _replace_all(self) -> None:
        """One after another: at any time all but one are there, and that one has a successor."""
        for place, old in enumerate(self._children):
            if self._stops:
                return
            new = self._child(old.name)
            if not new.wait_until_ready():
                self._say(f"{old.name}: the new one does not start, the old one stays")
                new.tell(signal.SIGKILL)
                self._leaving.append(new)
                return
            self._children[place] = new
            self._leaving.append(old)
            old.tell(signal.SIGTERM)
            self._say(f"{old.name}: replaced")
