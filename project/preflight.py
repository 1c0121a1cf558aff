"""What must hold before anything is started, each with what to do where it does not."""

import contextlib
import errno
import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path

import redis

from project.setting_table import Service

REDIS_SECONDS = 3


class CannotStart(Exception):
    """What stands in the way, and what to do about it, in one line."""


def first_line(error: BaseException) -> str:
    """What a library says of an error, less its explanations."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def check_address(service: Service) -> str:
    """Raise `CannotStart` where nobody could listen."""
    try:
        found = socket.getaddrinfo(
            service.host, service.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CannotStart(_why_not_bound(service, error)) from error
    return f"{service.host}:{service.port} is free"


def _why_not_bound(service: Service, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"HOST '{service.host}' is no address: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        other = service.port % 65_535 + 1
        return f"PORT {service.port} is in use: stop what uses it, or try PORT={other} make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST '{service.host}' is not an address of this machine"
    if error.errno == errno.EACCES:
        return f"PORT {service.port} is not open to this user: try one above 1023"
    return f"cannot listen on {service.host}:{service.port}: {error.strerror}"


def check_redis(url: str) -> str:
    """Raise `CannotStart` where no Redis answers."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise CannotStart(
            f"REDIS_URL: {first_line(error)}: see to that Redis, or unset REDIS_URL"
        ) from error
    return "answers"


@contextlib.contextmanager
def claimed(var: Path) -> Iterator[None]:
    """Keep the folder to ourselves: two launchers would stop each other's Postgres.

    The lock goes with the process, however that ends.
    """
    try:
        var.mkdir(parents=True, exist_ok=True)
        lock = (var / "lock").open("a")
    except OSError as error:
        raise CannotStart(
            f"cannot write to {var} ({error.strerror}): make it writable, or set VAR_DIR"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(
                f"{var} is in use by another `make run`: stop it, or set VAR_DIR or DATABASE_URL"
            ) from error
        yield
