"""Everything that a run needs, started and stopped: Postgres, Redis, upstream, servers, load.

Every process is its own session, so that a Ctrl-C reaches nobody but us, and we stop them all.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from project import postgres_folder, private_postgres
from tests.bench.streams import Target
from tests.infra.services import free_port, redis_server

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "bench"
OPEN_FILES = 65_536
START_SECONDS = 60
STOP_SECONDS = 10
LOG_LINES = 20
# The developer's own settings are none of ours.
FOREIGN = ("OPENAI_", "CHAT_", "REDIS_URL", "DATABASE_URL", "PORT", "HOST", "DEBUG", "ALLOWED_")


class Failed(Exception):
    """The run cannot go on; its text is for whoever started it."""


class House:
    """What runs. `settings` are environment variables of every server."""

    def __init__(self, house: ExitStack, *, redis: bool) -> None:
        self._house = house
        self.folder = Path(tempfile.mkdtemp(prefix="interject-bench-"))
        house.callback(shutil.rmtree, self.folder, ignore_errors=True)
        _raise_file_limit()
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
            del os.environ[name]
        self._postgres()
        self.redis_url = ""
        if redis:
            self.redis_url = f"redis://127.0.0.1:{house.enter_context(redis_server())}/0"
        port = free_port()
        self.upstream_pid = self.start("upstream", "tests.bench.upstream", port=port)
        self.upstream = f"http://127.0.0.1:{port}/v1"
        self.keys: Sequence[str] = ()
        os.environ |= {
            "OPENAI_BASE_URL": self.upstream,
            "OPENAI_API_KEY": "bench",
            "CHAT_MODELS": "bench",
            "SECRET_KEY": "a secret of the bench's own, long enough to be taken for one",
            "VAR_DIR": str(self.folder),
            "LOG_LEVEL": "WARNING",
        }

    def database_url(self, name: str = TEMPLATE) -> str:
        return postgres_folder.url(self.folder, name)

    def prepare(self, accounts: int, lengths: Sequence[int]) -> dict[str, Any]:
        """Make the template: tables, accounts, conversations. Returns what `stored` printed."""
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.stored"]
        command += ["--accounts", str(accounts), "--items", *map(str, lengths)]
        environment = {**os.environ, "DATABASE_URL": self.database_url()}
        made = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
        if made.returncode:
            raise Failed(f"the database cannot be prepared:\n{made.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(made.stdout)
        self.keys = found["keys"]
        return found

    def bare(self) -> Target:
        port = free_port()
        pid = self.start("bare", "tests.bench.bare", "--upstream", self.upstream, port=port)
        return Target(f"ws://127.0.0.1:{port}/", (), pid)

    def serve(self, name: str, server: str, settings: dict[str, str] | None = None) -> Target:
        """`manage.py serve` on a database of its own, which is a copy of the template."""
        database = name.replace(" ", "_")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), database, TEMPLATE)
        port = free_port()
        environment = {"DATABASE_URL": self.database_url(database), **(settings or {})}
        command = ["manage.py", "serve", "--server", server]
        pid = self._start(database, command, port, environment)
        return Target(f"ws://127.0.0.1:{port}/v1/responses", self.keys, pid)

    def start(self, name: str, module: str, *arguments: str, port: int) -> int:
        return self._start(name, ["-m", module, *arguments], port, {})

    def said(self) -> str:
        """The last lines of every process that said anything."""
        logs = sorted(self.folder.glob("*.log"))
        return "".join(f"\n{log.stem}:\n{said}" for log in logs if (said := tail(log)))

    def load(self) -> "Load":
        return self._house.enter_context(_loading(self.folder / "load.log"))

    # --- processes

    def _start(
        self, name: str, arguments: list[str], port: int, environment: dict[str, str]
    ) -> int:
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-W", "ignore", *arguments, "--port", str(port)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._house.callback(stop, process)
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{name} does not start:\n{tail(log)}")
            time.sleep(0.05)
        return process.pid

    def _postgres(self) -> None:
        server = private_postgres.open_folder(self.folder)
        self._house.callback(private_postgres.stop, server)
        private_postgres.start(server)
        self.postgres_pid = int(
            postgres_folder.pid_file(self.folder / postgres_folder.FOLDER, postgres_folder.PID_LINE)
        )
        self._execute(sql.SQL("CREATE DATABASE {}"), TEMPLATE)

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))


class Load:
    """The process that makes the load. Raises `Failed` where a measurement did."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.pid = process.pid

    def do(self, job: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"job": job, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"the load ended during {job}")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["found"]


@contextmanager
def _loading(log: Path) -> Iterator[Load]:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.bench.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        yield Load(process)
    finally:
        stop(process)


def stop(process: "subprocess.Popen[Any]") -> None:
    """The first signal drains a server, the second ends what runs, the third everything."""
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(1 if number == signal.SIGTERM else STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
