"""Joining: in the middle of a long answer, and into a long conversation."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.figures import percentile
from tests.bench.plan import Plan
from tests.bench.sockets import HEAD_BYTES, Frame, Socket, close_all, connect_all
from tests.bench.streams import ENDS, Target, delivered

CREATED = b'"response.created"'
SNAPSHOT = b'"interject:snapshot"'
POINTS = (0.02, 0.25, 0.5, 0.75, 0.98)
AT_EACH = 5
OPENINGS = 10


async def in_mid_answer(target: Target, plan: Plan) -> dict[str, Any]:
    """Follow at several points, by new sockets: milliseconds to the snapshot, by point.

    Raises ValueError when a snapshot and the deltas after it are not the text.
    """
    addresses = target.addresses(1) * (1 + len(POINTS) * AT_EACH)
    own, *others = await connect_all(addresses)
    began = time.monotonic()
    own.send(target.prompt(plan))
    created = json.loads((await own.until(CREATED, since=0)).payload)
    conversation_id = created["response"]["conversation"]["id"]
    times: dict[str, list[float]] = {}
    ends = []
    for place, point in enumerate(POINTS):
        await asyncio.sleep(max(0.0, began + point * plan.seconds - time.monotonic()))
        joining = others[place * AT_EACH : (place + 1) * AT_EACH]
        told = [await _follow(socket, conversation_id) for socket in joining]
        times[f"{point:.0%}"] = [took for took, _ in told]
        ends += [
            each.until(*ENDS, since=0, seconds=plan.seconds + 30)
            for each, (_, frame) in zip(joining, told, strict=True)
            if _still_runs(frame)
        ]
    await asyncio.gather(*ends)
    for socket in others:
        _check(socket, plan)
    close_all([own, *others])
    everything = [each for at in times.values() for each in at]
    return {
        "p50": percentile(everything, 50),
        "max": max(everything),
        "points": {point: percentile(at, 50) for point, at in times.items()},
    }


async def into_conversations(target: Target, ids: Sequence[str]) -> list[dict[str, float]]:
    """Open each conversation anew some times: milliseconds to its snapshot, and KB of it."""
    found = []
    for conversation_id in ids:
        sockets = await connect_all(target.addresses(1) * OPENINGS)
        told = [await _follow(socket, conversation_id) for socket in sockets]
        close_all(sockets)
        times = [took for took, _ in told]
        size = len(told[0][1].payload) / 1000
        found.append({"p50": percentile(times, 50), "max": max(times), "kb": size})
    return found


def _still_runs(snapshot: Frame) -> bool:
    """Where the machine is slow, the last ones join behind the end: nothing more will come."""
    (response,) = json.loads(snapshot.payload)["responses"]
    return response["status"] in ("queued", "in_progress")


async def _follow(socket: Socket, conversation_id: str) -> tuple[float, Frame]:
    waiting = asyncio.ensure_future(socket.until(SNAPSHOT))
    await asyncio.sleep(0)
    asked = socket.send(json.dumps({"type": "interject:follow", "conversation": conversation_id}))
    frame = await waiting
    return 1000 * (frame.at - asked), frame


def _check(socket: Socket, plan: Plan) -> None:
    snapshot = next(each for each in socket.frames if SNAPSHOT in each.payload[:HEAD_BYTES])
    items = json.loads(snapshot.payload)["items"]
    before = "".join(
        part["text"] for item in items if item["direction"] == "output" for part in item["content"]
    )
    after = delivered(socket.frames)
    if before + after != plan.text:
        raise ValueError(f"joined at {len(before)}: {len(before + after)} characters")
