"""Cancels at every stage of an answer: when upstream was closed, and when the receipt came."""

import asyncio
import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.bench.asking import seen
from tests.bench.figures import percentile
from tests.bench.plan import Plan, token
from tests.bench.sockets import Socket, close_all, connect_all
from tests.bench.streams import DELTA, ENDS, Target

AT_ONCE = 20
CREATED = b'"response.created"'
STARTED = b'"response.in_progress"'
SNAPSHOT = b'"interject:snapshot"'
CANCELLED = b'"interject:cancelled"'
COMPLETED = b'"response.completed"'
# Upstream is open this long after the response has started, and speaks all the while.
OPENING_SECONDS = 0.1
NOTICED_SECONDS = 0.5
SPOKEN = partial(Plan, tokens=500, per_second=50)
SHORT = 20
PLANS = {
    "before the first delta": partial(Plan, tokens=20, per_second=50, first_seconds=20),
    "in the middle": SPOKEN,
    "in the last chunk": partial(Plan, tokens=SHORT, per_second=50, last_seconds=20),
    "twice": SPOKEN,
    "from a second connection": SPOKEN,
    "after the end": partial(Plan, tokens=SHORT, per_second=200),
}
STAGES = tuple(PLANS)
UNCLOSED = {"after the end"}


async def measure(target: Target, upstream: str, tag: str, each: int) -> dict[str, Any]:
    """`each` cancels of every stage. Milliseconds, by stage and of all."""
    closed: dict[str, list[float]] = {}
    receipts: dict[str, list[float]] = {}
    for number, stage in enumerate(STAGES):
        sent: dict[str, float] = {}
        receipts[stage] = []
        for start in range(0, each, AT_ONCE):
            batch = range(start, min(each, start + AT_ONCE))
            plans = [PLANS[stage](f"{tag}-{number}-{place}") for place in batch]
            sent |= await _batch(target, stage, plans, receipts[stage])
        await asyncio.sleep(NOTICED_SECONDS)
        if stage not in UNCLOSED:
            closed[stage] = _until_closed(sent, await seen(upstream, f"{tag}-{number}-"))
    return {"closed": _figures(closed), "receipt": _figures(receipts)}


async def _batch(
    target: Target, stage: str, plans: Sequence[Plan], receipts: list[float]
) -> dict[str, float]:
    """Start all, cancel each at its own moment. Returns when each cancel was sent, by tag."""
    address = target.addresses(1)[0]
    address = address._replace(url=address.url + "?interject=1")
    sockets = await connect_all([address] * (2 * len(plans)))
    pairs = list(zip(sockets[::2], sockets[1::2], strict=True))
    work = [
        _one(target, stage, plan, own, other, receipts)
        for plan, (own, other) in zip(plans, pairs, strict=True)
    ]
    sent = await asyncio.gather(*work)
    close_all(sockets)
    return {plan.tag: at for plan, at in zip(plans, sent, strict=True)}


async def _one(
    target: Target, stage: str, plan: Plan, own: Socket, other: Socket, receipts: list[float]
) -> float:
    own.send(target.prompt(plan))
    created = json.loads((await own.until(CREATED, since=0)).payload)
    response_id = created["response_id"]
    asker = own
    if stage == "from a second connection":
        asker = other
        await _follow(other, created["response"]["conversation"]["id"])
    await _reach(stage, own)
    cancel = json.dumps({"type": "interject:cancel", "response_id": response_id})
    receipt = asyncio.ensure_future(asker.until(CANCELLED))
    await asyncio.sleep(0)
    at = asker.send(cancel)
    if stage == "twice":
        asker.send(cancel)
    receipts.append(1000 * ((await receipt).at - at))
    if stage not in UNCLOSED:
        await own.until(*ENDS, since=0)
    return at


async def _follow(socket: Socket, conversation_id: str) -> None:
    """As a second tab does."""
    socket.send(json.dumps({"type": "interject:follow", "conversation": conversation_id}))
    await socket.until(SNAPSHOT, since=0)


async def _reach(stage: str, own: Socket) -> None:
    """Wait until the answer is where the stage wants it."""
    if stage == "before the first delta":
        await own.until(STARTED, since=0)
        await asyncio.sleep(OPENING_SECONDS + random.random() * 0.2)
    elif stage == "in the last chunk":
        await own.until(token(SHORT - 1).encode(), since=0, head=None)
    elif stage == "after the end":
        await own.until(COMPLETED, since=0)
    else:
        await own.until(*DELTA, since=0)
        await asyncio.sleep(random.random() * 0.4)


def _until_closed(sent: dict[str, float], upstream: dict[str, dict[str, Any]]) -> list[float]:
    """Raises ValueError for a connection that stayed open."""
    times = []
    for tag, at in sent.items():
        closed_at = upstream[tag]["closed_at"]
        if closed_at is None:
            raise ValueError(f"upstream of {tag} was not closed: {upstream[tag]}")
        times.append(1000 * (closed_at - at))
    return times


def _figures(by_stage: dict[str, list[float]]) -> dict[str, Any]:
    everything = [time for times in by_stage.values() for time in times]
    return {
        "count": len(everything),
        "p50": percentile(everything, 50),
        "p99": percentile(everything, 99),
        "max": max(everything),
        "stages": {stage: [percentile(times, 50), max(times)] for stage, times in by_stage.items()},
    }
