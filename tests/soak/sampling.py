"""One look at everything that could grow: processes, connections, rows.

The last word of a measure's name is its kind; `judge` has a rule for each kind that may not grow.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import redis
from psycopg_pool import AsyncConnectionPool

from tests.soak.place import RETENTION_SECONDS, Place

MB = 1_000_000
# By the inside of a process.
COUNTED = ("tasks", "objects")
# Folding looks twice a minute at what ended ten seconds ago, dropping as often.
OVERDUE_SECONDS = 60

_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND application_name <> 'soak'
"""
_ROWS = {
    "lease rows": "SELECT count(*) FROM lease",
    "intent rows": "SELECT count(*) FROM intent",
    "waiting prompt rows": "SELECT count(*) FROM chat_waitingprompt",
    "log past its time rows": f"""
        SELECT count(*) FROM log JOIN chat_response AS response ON response.id = log.response_id
         WHERE response.ended_at
               < now() - make_interval(secs => {RETENTION_SECONDS + OVERDUE_SECONDS})""",
    "log of nothing rows": """
        SELECT count(*) FROM log
         WHERE NOT EXISTS (SELECT FROM chat_response WHERE id = log.response_id)""",
    "log never folded rows": f"""
        SELECT coalesce(sum(rows), 0) FROM (
            SELECT count(*) AS rows
              FROM log JOIN chat_response AS response ON response.id = log.response_id
             WHERE response.ended_at < now() - make_interval(secs => {OVERDUE_SECONDS})
             GROUP BY log.response_id
            HAVING count(*) > sum(octet_length(log.events)) / 262144 + 1) AS unfolded""",
    # What is kept for good, or for a day: one a prompt, one a frame. Held against what was sent.
    "responses kept": "SELECT count(*) FROM chat_response",
    "log kept": "SELECT count(*) FROM log",
    "received events kept": "SELECT count(*) FROM chat_receivedevent",
}


@contextmanager
def collected(place: Place) -> Iterator[None]:
    """Within, what is counted inside a process is what its collector leaves."""
    mark = place.counts / "collect"
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()


async def sample(place: Place, pool: AsyncConnectionPool[Any]) -> dict[str, float]:
    """Every measure, by name, and `at`."""
    found = {"at": time.monotonic()}
    for pid, name in place.names.items():
        with suppress(psutil.Error, OSError, ValueError):
            found |= {f"{name} {kind}": value for kind, value in _process(place, pid).items()}
    async with pool.connection() as connection:
        for name, statement in {"postgres connections": _CONNECTIONS, **_ROWS}.items():
            row = await (await connection.execute(statement)).fetchone()
            found[name] = float(row[0]) if row else 0.0
    with redis.Redis(port=place.redis.port) as client:
        found["redis clients"] = float(len(client.client_list()))
        found["redis channels"] = float(len(client.pubsub_channels()))
    return found


def _process(place: Place, pid: int) -> dict[str, float]:
    process = psutil.Process(pid)
    found = {"MB": process.memory_info().rss / MB, "descriptors": float(process.num_fds())}
    counts = json.loads((place.counts / str(pid)).read_text())
    found |= {kind: float(counts[kind]) for kind in COUNTED if counts[kind] is not None}
    return found


def most_tasks(place: Place) -> list[str]:
    """Of what the tasks of each process are, mostly: what a fault in their number points to."""
    return [
        f"{name}: {json.loads((place.counts / str(pid)).read_text())['most']}"
        for pid, name in place.names.items()
    ]
