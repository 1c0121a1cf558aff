"""Web processes and workers on one database and one Redis: real ones, which a test may hurt.

Each process reaches Postgres, Redis and upstream by proxies of its own, so that it can be cut off
alone:

    cluster.links(cluster.workers[0]).postgres.stall()

and signs in to upstream by its own key, so that a test can tell who runs a response.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from django.db import connection

from tests.faults import inside
from tests.faults.proxy import Proxy
from tests.faults.redis_process import RedisProcess
from tests.faults.redis_proxy import RedisProxy
from tests.service import Process, Service, Worker
from tests.upstream import Seen, Upstream

# So short that a test does not wait for long; in proportion to each other as by default.
LEASE_SECONDS = 3.0
# By then others have taken over what a dead process ran: its lease, a look a second, the work.
TAKEOVER_SECONDS = LEASE_SECONDS + 3.0
START_SECONDS = 30


@dataclass
class Links:
    """How one process reaches what it talks to."""

    postgres: Proxy
    redis: RedisProxy
    upstream: Proxy

    @property
    def all(self) -> list[Proxy]:
        return [self.postgres, self.redis, self.upstream]


@dataclass
class Member:
    """A process, and its name at upstream."""

    process: Process
    links: Links
    key: str


class Cluster:
    """`webs` stand for what a load balancer sends clients to. `settings` go to all processes.

    `redis` may be that of another cluster, or not run yet.
    """

    def __init__(
        self, upstream: Upstream, redis: RedisProcess, settings: Mapping[str, str] | None = None
    ) -> None:
        self.upstream = upstream
        self.redis = redis
        self.webs: list[Service] = []
        self.workers: list[Worker] = []
        self._settings = dict(settings or {})
        self._members: list[Member] = []
        self._house = ExitStack()
        self._answers = Path(self._house.enter_context(TemporaryDirectory()))

    @contextmanager
    def running(
        self, webs: Iterable[str] = ("daphne", "uvicorn"), workers: int = 2
    ) -> Iterator["Cluster"]:
        """Without workers, the web processes run what they take. What was added starts too."""
        self._settings.setdefault("CHAT_DISPATCH", "worker" if workers else "inline")
        with self._house:
            try:
                for _ in range(workers):
                    self.add_worker()
                for server in webs:
                    self.add_web(server)
                for process in self.processes:
                    process.spawn()
                self.wait_until_it_answers()
                yield self
            finally:
                self._stop()

    def add_web(self, server: str, settings: Mapping[str, str] | None = None) -> Service:
        """One more web process, not started yet."""
        links = self._new_links()
        web = Service(server, self._settings_of(f"web-{len(self.webs)}", links, settings))
        self.webs.append(web)
        self._enter(web, links, f"web-{len(self.webs) - 1}")
        return web

    def add_worker(self, settings: Mapping[str, str] | None = None) -> Worker:
        links = self._new_links()
        worker = Worker(self._settings_of(f"worker-{len(self.workers)}", links, settings))
        self.workers.append(worker)
        self._enter(worker, links, f"worker-{len(self.workers) - 1}")
        return worker

    def wait_until_it_answers(self) -> None:
        """Until every process has started and listens to the others."""
        for web in self.webs:
            web.wait_until_it_answers()
        deadline = time.monotonic() + START_SECONDS
        while self.redis.is_running and self.redis.inboxes() < len(self.processes):
            assert time.monotonic() < deadline, "not all processes listen"
            time.sleep(0.05)

    def mend(self) -> None:
        """Heal what was hurt, and start again what was killed."""
        self.heal()
        self.redis.mend()
        for process in self.processes:
            if not process.is_running:
                process.spawn()
        self.wait_until_it_answers()

    def heal(self) -> None:
        """Take away what was put on processes and links."""
        for member in self._members:
            for link in member.links.all:
                link.heal()
            if member.process.is_running:
                member.process.signal(signal.SIGCONT)
        if self.redis.is_running:
            self.redis.thaw()

    @property
    def processes(self) -> list[Process]:
        return [*self.webs, *self.workers]

    def links(self, process: Process) -> Links:
        return next(each.links for each in self._members if each.process is process)

    @property
    def all_links(self) -> list[Links]:
        return [member.links for member in self._members]

    @property
    def doors(self) -> list[str]:
        """Where clients connect: each web process in turn."""
        return [web.ws_url for web in self.webs]

    def runner(self, seen: Seen) -> Process:
        """The process that asked upstream."""
        key = seen.headers["authorization"].removeprefix("Bearer ")
        return next(each.process for each in self._members if each.key == key)

    async def tasks(self, process: Process) -> "Counter[str]":
        """How many tasks of each name, or of each coroutine, its event loop has."""
        return await inside.tasks(process, self._answers)

    async def block(self, process: Process) -> None:
        """Block its event loop, not its other threads, and wait until it goes on."""
        assert await inside.blocked(process, self._answers), "other threads stood still, too"

    # --- its parts

    def _new_links(self) -> Links:
        upstream = urlsplit(self.upstream.base_url)
        links = Links(
            Proxy(_postgres_address()),
            RedisProxy(("127.0.0.1", self.redis.port)),
            Proxy((str(upstream.hostname), int(upstream.port or 0))),
        )
        for each in links.all:
            self._house.enter_context(each)
        return links

    def _settings_of(
        self, key: str, links: Links, settings: Mapping[str, str] | None
    ) -> dict[str, str]:
        given = connection.settings_dict
        return {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{links.upstream.port}/v1",
            "OPENAI_API_KEY": key,
            "CHAT_MODELS": "test-model",
            "REDIS_URL": f"redis://127.0.0.1:{links.redis.port}/0",
            "DATABASE_URL": "postgresql://{}@127.0.0.1:{}/{}".format(
                given["USER"], links.postgres.port, given["NAME"]
            ),
            "CHAT_LEASE_SECONDS": str(LEASE_SECONDS),
            **inside.settings(self._answers),
            **self._settings,
            **(settings or {}),
        }

    def _enter(self, process: Process, links: Links, key: str) -> None:
        self._members.append(Member(process, links, key))

    def _stop(self) -> None:
        self.heal()
        with ExitStack() as stopping:  # Each, whatever becomes of the others.
            for process in self.processes:
                stopping.callback(process.stop)


def _postgres_address() -> tuple[str, int] | str:
    """Where the tests' own Postgres listens."""
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    port = int(given["PORT"] or 5432)
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


async def gone(process: Process) -> int:
    """Wait until a process has ended by itself. Returns its exit status."""
    return await asyncio.to_thread(process.wait)
