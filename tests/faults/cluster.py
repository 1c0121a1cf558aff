"""Web processes and workers on one database and one Redis: real ones, which a test may kill."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.service import Process, Service, Worker

# So short that a test does not wait for long; in proportion to each other as by default.
LEASE_SECONDS = 3.0


class Cluster:
    """`webs` stand for what a load balancer sends clients to. `settings` go to all."""

    def __init__(
        self, upstream_url: str, redis_port: int, settings: Mapping[str, str] | None = None
    ) -> None:
        self.settings = {
            "OPENAI_BASE_URL": upstream_url,
            "OPENAI_API_KEY": "upstream-key",
            "CHAT_MODELS": "test-model",
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "CHAT_DISPATCH": "worker",
            "CHAT_LEASE_SECONDS": str(LEASE_SECONDS),
            **(settings or {}),
        }
        self.webs: list[Service] = []
        self.workers: list[Worker] = []

    @contextmanager
    def running(
        self, webs: tuple[str, ...] = ("daphne", "uvicorn"), workers: int = 2
    ) -> Iterator["Cluster"]:
        try:
            self.workers = [Worker(self.settings).start() for _ in range(workers)]
            for server in webs:
                web = Service(server, self.settings)
                self.webs.append(web)
                web.spawn()
            for web in self.webs:
                web.wait_until_it_answers()
            yield self
        finally:
            for process in self.processes:
                process.stop()

    @property
    def processes(self) -> list[Process]:
        return [*self.webs, *self.workers]
