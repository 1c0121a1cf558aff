"""Many streams at once: what a token costs, when the first one comes, how long the gaps are."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

import psutil

from tests.bench.figures import percentile
from tests.bench.plan import Plan
from tests.bench.sockets import HEAD_BYTES, Address, Frame, close_all, connect_all

DELTA = (b'"response.output_text.delta"', b'"type": "delta"')
ENDS = (
    b'"response.completed"',
    b'"response.failed"',
    b'"response.incomplete"',
    b'"type":"error"',
    b'"type": "done"',
)
SLACK_SECONDS = 90
SETTLE_SECONDS = 0.2
WATCH_SECONDS = 0.2


class Target(NamedTuple):
    """A contestant: where it listens, who may sign in (nobody: the bare relay), its processes."""

    url: str
    keys: Sequence[str]
    pid: int
    workers: Sequence[int] = ()

    @property
    def pids(self) -> list[int]:
        """The process that is connected to, then its workers."""
        return [self.pid, *self.workers]

    def addresses(self, count: int) -> list[Address]:
        keys = self.keys or [""]
        return [Address(self.url, keys[number % len(keys)]) for number in range(count)]

    def prompt(self, plan: Plan, **more: Any) -> str:
        if not self.keys:
            return json.dumps({"prompt": plan.prompt})
        return json.dumps({"type": "response.create", "input": plan.prompt, **more})


def cpu_seconds(pid: int) -> dict[int, float]:
    """User and system time of a process and of its children, by process."""
    found = {}
    for process in (psutil.Process(pid), *psutil.Process(pid).children()):
        with suppress(psutil.NoSuchProcess):  # one of Postgres's, which come and go
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def cpu_of(pids: Sequence[int]) -> dict[int, float]:
    return {each: seconds for pid in pids for each, seconds in cpu_seconds(pid).items()}


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def delivered(frames: Sequence[Frame]) -> str:
    """The text of an answer, as its deltas told it."""
    return "".join(json.loads(frame.payload)["delta"] for frame in deltas(frames))


def deltas(frames: Sequence[Frame]) -> list[Frame]:
    return [each for each in frames if any(mark in each.payload[:HEAD_BYTES] for mark in DELTA)]


async def measure(
    target: Target,
    tag: str,
    count: int,
    tokens: int,
    per_second: float,
    beside: dict[str, int],
) -> dict[str, Any]:
    """`count` prompts at once, each on its own socket. `beside`: other processes to account for.

    `rss`: the most that each process of the target held, in the order of its `pids`.
    Raises ValueError when a text is not, to the character, what upstream said.
    """
    plans = [Plan(f"{tag}-{number}", tokens, per_second) for number in range(count)]
    sockets = await connect_all(target.addresses(count))
    prompts = [target.prompt(plan) for plan in plans]
    await asyncio.sleep(SETTLE_SECONDS)
    pids = {"web": [target.pid], "workers": target.workers}
    pids |= {name: [pid] for name, pid in beside.items()}
    watching = [asyncio.create_task(_most_memory(pid)) for pid in target.pids]
    seconds = plans[0].seconds + SLACK_SECONDS
    ends = [asyncio.ensure_future(each.until(*ENDS, seconds=seconds)) for each in sockets]
    await asyncio.sleep(0)
    before = {name: cpu_of(group) for name, group in pids.items()}
    began = time.monotonic()
    asked = [each.send(prompt) for each, prompt in zip(sockets, prompts, strict=True)]
    await asyncio.gather(*ends)
    took = time.monotonic() - began
    cost = {name: spent(before[name], cpu_of(group)) for name, group in pids.items()}
    cost["server"] = cost["web"] + cost["workers"]
    for each in watching:
        each.cancel()
    for plan, socket in zip(plans, sockets, strict=True):
        if delivered(socket.frames) != plan.text:
            raise ValueError(f"the text of {plan.tag} is not what was said: {socket.frames[-1]}")
    close_all(sockets)
    arrived = [[each.at for each in deltas(socket.frames)] for socket in sockets]
    return {
        "micros": {name: 1e6 * value / (count * tokens) for name, value in cost.items()},
        "busy": {name: value / took for name, value in cost.items()},
        "seconds": took,
        "frames": sum(map(len, arrived)) / count,
        **_times(asked, arrived),
        "rss": await asyncio.gather(*watching),
    }


def _times(asked: Sequence[float], arrived: Sequence[Sequence[float]]) -> dict[str, float]:
    first = [1000 * (times[0] - at) for at, times in zip(asked, arrived, strict=True)]
    gaps = [1000 * (after - before) for times in arrived for before, after in pairwise(times)]
    return {
        "first_p50": percentile(first, 50),
        "first_p99": percentile(first, 99),
        "gap_p50": percentile(gaps, 50),
        "gap_p99": percentile(gaps, 99),
    }


async def _most_memory(pid: int) -> int:
    """The most resident memory of a process, in bytes, until cancelled."""
    process = psutil.Process(pid)
    most = 0
    try:
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(WATCH_SECONDS)
    except asyncio.CancelledError:
        return most


async def one_by_one(target: Target, tag: str, count: int) -> list[float]:
    """Single prompts on a quiet server: milliseconds to the first token of each."""
    (socket,) = await connect_all(target.addresses(1))
    times = []
    for number in range(count):
        plan = Plan(f"{tag}-{number}", tokens=3, per_second=20)
        begun = len(socket.frames)
        waiting = asyncio.ensure_future(socket.until(*DELTA))
        await asyncio.sleep(SETTLE_SECONDS)
        asked = socket.send(target.prompt(plan))
        times.append(1000 * ((await waiting).at - asked))
        await socket.until(*ENDS, since=begun)  # It may have come with the first token.
    socket.close()
    return times
