"""One run of the bench: what is measured, in which order, by whom. Owns no figure's meaning."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench.house import Failed, House, Load
from tests.bench.plan import Plan
from tests.bench.streams import Target

BARE = "bare"
SERVERS = ("uvicorn", "daphne")
ACCOUNTS = 100
# A long answer at eight times the speed, kept at an eighth of the pulse: as many rows in the log as
# at 50 tokens a second, in an eighth of the time.
HURRY = 8
PULSE_MS = 45
LENGTHS = (20, 2_000)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Streams at once, tokens each, tokens a second (0: as fast as it goes)."""

    streams: int
    tokens: int
    per_second: float


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured: the shapes of the streams with their rounds, and counts of the rest."""

    rounds: dict[str, int]
    shapes: dict[str, Shape]
    singles: int
    idle: int
    cancels: int
    join_tokens: int


def shapes(tokens: int) -> dict[str, Shape]:
    return {
        "paced": Shape(streams=100, tokens=tokens, per_second=50),
        "burst": Shape(streams=100, tokens=200, per_second=0),
        "crowd": Shape(streams=500, tokens=100, per_second=20),
    }


USUAL = Size(
    rounds={"paced": 3, "burst": 3, "crowd": 1},
    shapes=shapes(200),
    singles=15,
    idle=1_000,
    cancels=40,
    join_tokens=4_000,
)
QUICK = Size(
    rounds={"paced": 1, "burst": 1, "crowd": 0},
    shapes=shapes(100),
    singles=6,
    idle=100,
    cancels=4,
    join_tokens=800,
)
FULL = Size(
    rounds={"paced": 7, "burst": 7, "crowd": 3},
    shapes=shapes(200),
    singles=40,
    idle=2_000,
    cancels=100,
    join_tokens=4_000,
)


@dataclass
class Findings:
    """What was found, by contestant. `streams`: of each shape, the rounds in order."""

    size: Size
    names: list[str] = field(default_factory=list)
    streams: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    singles: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancels: dict[str, dict[str, Any]] = field(default_factory=dict)
    joins: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    queries: list[int] = field(default_factory=list)


def measure(house: House, size: Size) -> Findings:
    """Everything, one measurement at a time. Raises `Failed`, with what the processes said."""
    try:
        return _measure(house, size)
    except Failed as error:
        raise Failed(f"{error}{house.said()}") from None


def _measure(house: House, size: Size) -> Findings:
    findings = Findings(size)
    with _said("database, accounts, conversations"):
        prepared = house.prepare(ACCOUNTS, LENGTHS)
        findings.queries = prepared["queries"]
    load = house.load()
    with _said("servers"):
        targets = _contestants(house)
    findings.names = list(targets)
    ours = {name: target for name, target in targets.items() if name != BARE}
    for name, target in targets.items():
        with _said(f"{size.idle} idle sockets, {name}"):
            findings.idle[name] = load.do("idle", target=target, count=size.idle)
    _rounds(house, load, targets, findings)
    _single_prompts(house, load, targets, findings)
    for name, target in ours.items():
        with _said(f"cancels, {name}"):
            findings.cancels[name] = load.do(
                "cancels",
                target=target,
                upstream=house.upstream,
                tag=_tag("cancel", name),
                each=size.cancels,
            )
        with _said(f"opening conversations, {name}"):
            findings.opened[name] = load.do("open", target=target, ids=prepared["conversations"])
    _joins(house, load, findings)
    return findings


def _contestants(house: House) -> dict[str, Target]:
    targets = {BARE: house.bare()}
    for server in SERVERS:
        targets[server] = house.serve(server, server)
        if house.redis_url:
            name = f"{server} redis"
            targets[name] = house.serve(name, server, {"REDIS_URL": house.redis_url})
    return targets


def _rounds(house: House, load: Load, targets: dict[str, Target], findings: Findings) -> None:
    """A B C A B C …: what changes with time changes for all."""
    size = findings.size
    beside = {"load": load.pid, "upstream": house.upstream_pid, "postgres": house.postgres_pid}
    for shape_name, shape in size.shapes.items():
        found = findings.streams.setdefault(shape_name, {name: [] for name in targets})
        for number in range(size.rounds[shape_name]):
            for name, target in targets.items():
                with _said(f"{shape_name} streams, round {number + 1}, {name}"):
                    found[name].append(
                        load.do(
                            "streams",
                            target=target,
                            tag=_tag(shape_name, name, str(number)),
                            count=shape.streams,
                            tokens=shape.tokens,
                            per_second=shape.per_second,
                            beside=beside,
                        )
                    )


def _single_prompts(
    house: House, load: Load, targets: dict[str, Target], findings: Findings
) -> None:
    count = findings.size.singles
    with _said("single prompts"):
        findings.singles["direct"] = load.do(
            "direct", upstream=house.upstream, tag="direct", count=count
        )
        for name, target in targets.items():
            findings.singles[name] = load.do(
                "one by one", target=target, tag=_tag("single", name), count=count
            )


def _joins(house: House, load: Load, findings: Findings) -> None:
    tokens = findings.size.join_tokens
    pulse = {"CHAT_PULSE_MS": str(round(PULSE_MS / HURRY))}
    for server in SERVERS:
        with _said(f"joining an answer of {tokens} tokens, {server}"):
            target = house.serve(f"{server} joined", server, pulse)
            plan = Plan(_tag("join", server), tokens, 50 * HURRY)
            findings.joins[server] = load.do("join", target=target, plan=plan)


def _tag(*parts: str) -> str:
    return "-".join(parts).replace(" ", "_")


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Say on stderr what is being measured, and how long it took."""
    print(f"  {what} … ", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(file=sys.stderr)
        raise
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
