"""What the processes hold: tasks, connections, subscriptions, descriptors, memory.

After a fault, no more than before it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests.faults import postgres
from tests.faults.cluster import Cluster
from tests.service import Process, Service

SECONDS = 15
MAX_MEMORY_BYTES = 250 * 1024 * 1024
# The pools of the engine (10 and 3), one that listens, and threads of the ORM.
MAX_SESSIONS = 18
# Of a process to Redis: one that listens, and as many as it speaks by at once.
MAX_REDIS_CLIENTS = 6
# Libraries, sockets to the above, and connections to upstream that are kept for the next request.
MAX_DESCRIPTORS = 90
# The tasks of an engine: one of each, for as long as the process lives.
LASTING = frozenset(
    {
        "audience", "bus join", "bus receive", "bus send", "intents", "leases", "pulse",
        "retention", "runners", "succession", "takeover",
    }
)  # fmt: skip
# How many a process may have besides: of its pools, of the channel layer, of its server.
BESIDES = Counter(
    {
        "interject-scheduler": 2,
        "interject-worker-0": 2,
        "interject-worker-1": 2,
        "interject-worker-2": 2,
        "Event.wait": 2,  # Each scheduler's, before Python 3.12.
        "RedisSingleShardConnection._do_receiving": 1,
        "live": 1,
        "run.<locals>.wrapper": 1,
    }
)

_LEFT = "SELECT (SELECT count(*) FROM lease), (SELECT count(*) FROM intent)"
_IDLE = """
SELECT pid, query FROM pg_stat_activity
 WHERE datname = current_database() AND state LIKE 'idle in transaction%%'
   AND state_change < clock_timestamp() - interval '1 second' AND pid <> pg_backend_pid()
"""
_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND client_addr IS NULL
"""


@contextmanager
def in_order(cluster: Cluster) -> Iterator[Cluster]:
    """The installation in good order; and nothing may be left of what is done to it."""
    cluster.mend()
    yield cluster
    cluster.heal()
    asyncio.run(at_rest(cluster))


async def at_rest(cluster: Cluster) -> None:
    """Wait until nothing is left of what a test did; what does not go away, fails."""
    running = [each for each in cluster.processes if each.is_running]
    await _until(lambda: _same(postgres.asked(_LEFT), [(0, 0)]), "leases and wishes are left")
    await _until(lambda: _same(postgres.asked(_IDLE), []), "transactions are left open")
    (sessions,) = (await postgres.asked(_SESSIONS))[0]
    assert sessions <= MAX_SESSIONS * len(running) + MAX_SESSIONS, f"{sessions} sessions"
    if cluster.redis.is_running:
        await _redis_at_rest(cluster, running)
    for process in running:
        await _process_at_rest(process)
        await tasks_at_rest(cluster, process)


async def tasks_at_rest(cluster: Cluster, process: Process) -> None:
    """Wait until the process has the tasks of one that nobody asks anything, and no other."""
    found: Counter[str] = Counter()

    async def holds() -> bool:
        nonlocal found
        found = await cluster.tasks(process)
        return all(found[name] == 1 for name in LASTING) and _others(found) <= BESIDES

    def what() -> str:
        missing = [name for name in LASTING if found[name] != 1]
        sockets = Counter(
            each.status for each in psutil.Process(process.pid).net_connections("tcp")
        )
        return f"{process}: no {missing}, too many {_others(found) - BESIDES}; sockets {sockets}"

    await _until(holds, what)


def _others(found: "Counter[str]") -> "Counter[str]":
    return Counter({name: count for name, count in found.items() if name not in LASTING})


async def _redis_at_rest(cluster: Cluster, running: list[Process]) -> None:
    async def holds() -> bool:
        """An inbox each, and one group that all are in."""
        subscriptions = await asyncio.to_thread(cluster.redis.subscriptions)
        return sorted(subscriptions.values()) == sorted([len(running), *[1] * len(running)])

    await _until(holds, "not every process has one inbox, and a place in the group")
    clients = await asyncio.to_thread(cluster.redis.clients)
    assert clients <= MAX_REDIS_CLIENTS * len(running), f"{clients} clients of Redis"


async def _process_at_rest(process: Process) -> None:
    found = psutil.Process(process.pid)
    if isinstance(process, Service):
        port = process.port

        async def nobody() -> bool:
            connections = found.net_connections("tcp")
            open_ones = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
            return all(each.laddr.port != port for each in open_ones)

        await _until(nobody, "connections of clients are left")
    assert found.num_fds() <= MAX_DESCRIPTORS, f"{found.num_fds()} descriptors: {process}"
    memory = found.memory_info().rss
    assert memory <= MAX_MEMORY_BYTES, f"{memory:,} bytes: {process}"


async def _same(asking: Any, expected: Any) -> bool:
    return bool(await asking == expected)


async def _until(holds: Callable[[], Any], what: str | Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not await holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(what() if callable(what) else what) from None
