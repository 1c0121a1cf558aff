"""Where the private Postgres keeps its data, and where it listens.

Apart from what starts and stops it (`project.private_postgres`), so that settings can name it
without the wheel that brings it: a deployment with a DATABASE_URL need not have that.
"""

import contextlib
from pathlib import Path
from urllib.parse import quote

DATABASE = "interject"
FOLDER = "postgres"
PID_FILE = "postmaster.pid"
# Lines of the pid file, from 0.
PID_LINE = 0
SOCKET_LINE = 4
STATUS_LINE = 7


def url(var: Path, database: str = DATABASE) -> str:
    """Address of a database on the private server, whether it runs or not."""
    data = (var / FOLDER).resolve()
    folder = pid_file(data, SOCKET_LINE) or str(data)
    return f"postgresql://postgres@/{database}?host={quote(folder)}"


def pid_file(data: Path, line: int) -> str:
    """A line of the server's pid file; empty while there is none."""
    with contextlib.suppress(OSError, IndexError):
        return (data / PID_FILE).read_text().splitlines()[line].strip()
    return ""
