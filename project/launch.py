"""`make run`: start everything that the service needs, say so, and stop all of it at the end.

Owns the order of the start and of the stop, and what is said of them. The server itself is
`manage.py serve`, in this process: Postgres is stopped only after it has drained and returned.
"""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import django
import psycopg
from django.core.management import CommandError, call_command
from django.db import connections

from project import environment, first_start, origins, postgres_folder, preflight, private_postgres
from project.environment import BASE_DIR
from project.interruptions import Interruptions, Stopped
from project.preflight import CannotStart
from project.setting_table import Service

CANNOT_START = 1
INVALID_SETTING = 2
POLL_SECONDS = 0.03


def say(text: str, end: str = "\n") -> None:
    # The terminal may be gone; that is no reason to leave Postgres running.
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)


def step(label: str, work: Callable[[], str]) -> None:
    """Say what is being done, do it, then say how it ended and how long it took."""
    say(f"  {label:<10} ", end="")
    began = time.monotonic()
    try:
        outcome = work()
    except BaseException:
        say("")
        raise
    say(f"{outcome:<40}{1000 * (time.monotonic() - began):>7.0f} ms")


def main() -> int:
    began = time.monotonic()

    def work(service: Service, house: ExitStack, interruptions: Interruptions) -> None:
        start(service, house, interruptions)
        _serve(service, began)

    return carry_out(work)


def carry_out(work: Callable[[Service, ExitStack, Interruptions], None]) -> int:
    """Do it until it ends or is told to stop; then what it left with the house. The exit status."""
    interruptions = Interruptions()
    interruptions.catch()
    try:
        service = environment.read().service
        with ExitStack() as house:
            work(service, house, interruptions)
    except environment.InvalidSetting as error:
        return _refuse(error, INVALID_SETTING)
    except (CannotStart, CommandError) as error:
        return _refuse(error, CANNOT_START)
    except Stopped:
        return 0
    return 0


def _refuse(error: Exception, code: int) -> int:
    print(f"interject: {error}", file=sys.stderr, flush=True)
    return code


def start(service: Service, house: ExitStack, interruptions: Interruptions) -> None:
    """Do everything up to the server. What has to be stopped again is left with `house`."""
    step("address", lambda: preflight.check_address(service))
    if service.redis_url:
        step("redis", lambda: preflight.check_redis(service.redis_url))
    if not service.database_url:
        var = Path(BASE_DIR, service.var_dir)
        house.enter_context(preflight.claimed(var))
        with interruptions.held():
            step("postgres", lambda: _start_postgres(var, house, interruptions))
    step("database", _connect)
    with interruptions.held():
        step("tables", first_start.migrate)
        first_start.admin(say)
    connections.close_all()


def _start_postgres(var: Path, house: ExitStack, interruptions: Interruptions) -> str:
    is_new = not (var / postgres_folder.FOLDER).exists()
    try:
        server = private_postgres.open_folder(var)
        house.callback(_stop_postgres, server)
        house.callback(interruptions.hold)
        outcome = private_postgres.start(server)
        first_start.create_database(postgres_folder.url(var, "postgres"))
    except (OSError, subprocess.SubprocessError, psycopg.Error) as error:
        raise CannotStart(private_postgres.why_not(var, error)) from error
    short = var.relative_to(BASE_DIR) if var.is_relative_to(BASE_DIR) else var
    return f"{'made and ' if is_new else ''}{outcome} in {short}"


def _stop_postgres(server: private_postgres.PostgresServer) -> None:
    if private_postgres.is_running(server):
        step("postgres", lambda: private_postgres.stop(server))


def _connect() -> str:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    return first_start.connect()


def _serve(service: Service, began: float) -> None:
    is_over = threading.Event()
    announcer = threading.Thread(target=announce, args=(service, began, is_over), daemon=True)
    announcer.start()
    try:
        call_command("serve")
    finally:
        is_over.set()
        announcer.join()
        say(f"  {'server':<10} stopped")


def announce(service: Service, began: float, is_over: threading.Event) -> None:
    """Say the address as soon as somebody answers there."""
    host = "127.0.0.1" if service.host in origins.WILDCARD_HOSTS else service.host
    while not is_over.wait(POLL_SECONDS):
        if _answers(host, service.port):
            shown = f"[{host}]" if ":" in host else host
            seconds = time.monotonic() - began
            say(f"\n  Interject answers at http://{shown}:{service.port}/ after {seconds:.1f} s.")
            say("  Ctrl-C stops it.\n")
            return


def _answers(host: str, port: int) -> bool:
    asking = http.client.HTTPConnection(host, port, timeout=1)
    try:
        asking.request("GET", "/healthz", headers={"Host": "localhost"})
        return asking.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


if __name__ == "__main__":
    sys.exit(main())
