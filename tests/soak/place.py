"""The cluster of a soak: two web processes behind one port, two workers, Postgres and Redis."""

import os
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.bench.house import House, Redis
from tests.bench.processes import ROOT, tail
from tests.infra.services import free_port

ACCOUNTS = 20
STORED_ITEMS = 20
START_SECONDS = 60
# The cluster tells its processes to stop, and waits for them: killed, it would leave them behind.
PATIENCE_SECONDS = 30
INSIDE = ROOT / "tests" / "soak" / "inside"
COMMANDS = {"serve": "web", "run_worker": "worker"}
# So short that the log of an ended response is dropped again and again while the soak lasts.
RETENTION_SECONDS = 120


class Place:
    """Everything that runs. `names`: each process of the cluster, by its id."""

    def __init__(self, stack: ExitStack, server: str, *, webs: int, workers: int) -> None:
        self._house = House(stack, ["--by-name"])
        self.upstream = self._house.upstream
        self._house.prepare(ACCOUNTS, [STORED_ITEMS])
        self.stored_responses = STORED_ITEMS // 2
        self.keys: Sequence[str] = self._house.keys
        self.redis = Redis(self._house.processes, "redis")
        self.counts = self._house.folder / "counts"
        self.counts.mkdir()
        self.database_url = self._house.new_database("soak")["DATABASE_URL"]
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/v1/responses?interject=1"
        self._cluster = self._start(server, webs, workers)
        self.names = self._named()

    def _start(self, server: str, webs: int, workers: int) -> psutil.Process:
        given = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "PORT": str(self.port),
            "CHAT_SERVER": server,
            "CHAT_LOG_RETENTION_HOURS": str(RETENTION_SECONDS / 3600),
            "SOAK_COUNTS": str(self.counts),
            "PYTHONPATH": os.pathsep.join([str(INSIDE), os.environ.get("PYTHONPATH", "")]),
        }
        command = [sys.executable, "-W", "ignore", "-m", "project.cluster"]
        command += ["--webs", str(webs), "--workers", str(workers)]
        process = self._house.processes.listening(
            "cluster", command, self.port, given, PATIENCE_SECONDS
        )
        # Whoever connects before a web process is there waits in the queue of the port.
        url = f"http://127.0.0.1:{self.port}/readyz"
        with urllib.request.urlopen(url, timeout=START_SECONDS):
            return psutil.Process(process.pid)

    def processes(self) -> dict[int, psutil.Process]:
        return {each.pid: each for each in self._cluster.children() if _command(each)}

    def _named(self) -> dict[int, str]:
        counted: dict[str, int] = {}
        names = {}
        for pid, process in sorted(self.processes().items()):
            kind = COMMANDS[_command(process)]
            counted[kind] = counted.get(kind, 0) + 1
            names[pid] = f"{kind} {counted[kind]}"
        return names

    def replaced(self) -> list[str]:
        """The processes that are not those that were started: they died."""
        return [name for pid, name in self.names.items() if pid not in self.processes()]

    def said(self) -> str:
        """The last lines that the cluster wrote."""
        return tail(self._log)

    def complaints(self) -> list[str]:
        """What its processes logged as wrong."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if "ERROR" in line or line.startswith("Traceback")]

    @property
    def _log(self) -> Path:
        return self._house.processes.log("cluster")


def _command(process: psutil.Process) -> str:
    try:
        return next((each for each in process.cmdline() if each in COMMANDS), "")
    except psutil.Error:
        return ""
