"""What a socket costs that does nothing."""

import asyncio
from typing import Any

import psutil

from tests.bench.plan import Plan
from tests.bench.sockets import close_all, connect_all
from tests.bench.streams import ENDS, Target

WARM_UP = 5
SETTLE_SECONDS = 0.7


async def measure(target: Target, count: int) -> dict[str, Any]:
    """Resident memory of a fresh server, in bytes: of each process at rest; then of the one that
    is connected to, warmed up, and for each open socket.
    """
    at_rest = [psutil.Process(pid).memory_info().rss for pid in target.pids]
    process = psutil.Process(target.pid)
    await _warm_up(target)
    warm = process.memory_info().rss
    sockets = await connect_all(target.addresses(count))
    await asyncio.sleep(SETTLE_SECONDS)
    crowded = process.memory_info().rss
    close_all(sockets)
    await asyncio.sleep(SETTLE_SECONDS)
    return {"rest": at_rest, "warm": warm, "each": (crowded - warm) / count, "with": crowded}


async def _warm_up(target: Target) -> None:
    """What is loaded and allocated with the first connections is not theirs."""
    sockets = await connect_all(target.addresses(WARM_UP))
    ends = [asyncio.ensure_future(socket.until(*ENDS)) for socket in sockets]
    await asyncio.sleep(0)
    for number, socket in enumerate(sockets):
        socket.send(target.prompt(Plan(f"warm-{target.pid}-{number}", tokens=5)))
    await asyncio.gather(*ends)
    close_all(sockets)
    await asyncio.sleep(SETTLE_SECONDS)
