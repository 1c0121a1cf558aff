"""One run of the bench: what is measured, in which order, by whom. Owns no figure's meaning."""

from dataclasses import dataclass, field
from typing import Any

from tests.bench.house import Contestant, House, Load
from tests.bench.plan import Plan
from tests.bench.processes import Failed
from tests.bench.progress import said

BARE = "bare"
SERVERS = ("uvicorn", "daphne")
CLUSTER = "cluster"
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
    cancels_without_redis: int
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
    cancels_without_redis=20,
    join_tokens=4_000,
)
QUICK = Size(
    rounds={"paced": 1, "burst": 1, "crowd": 0},
    shapes=shapes(100),
    singles=6,
    idle=100,
    cancels=4,
    cancels_without_redis=2,
    join_tokens=800,
)
FULL = Size(
    rounds={"paced": 5, "burst": 5, "crowd": 3},
    shapes=shapes(200),
    singles=40,
    idle=2_000,
    cancels=100,
    cancels_without_redis=40,
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
    cancels_without_redis: dict[str, dict[str, Any]] = field(default_factory=dict)
    joins: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    queries: list[int] = field(default_factory=list)


def measure(house: House, size: Size) -> Findings:
    """Everything, one measurement at a time. Raises `Failed`, with what the processes said."""
    try:
        return _measure(house, size)
    except Failed as error:
        raise Failed(f"{error}{house.processes.said()}") from None


def _measure(house: House, size: Size) -> Findings:
    findings = Findings(size)
    with said("database, accounts, conversations"):
        prepared = house.prepare(ACCOUNTS, LENGTHS)
        findings.queries = prepared["queries"]
    load = house.load()
    with said("servers"):
        contestants = _contestants(house)
    findings.names = list(contestants)
    ours = {name: each for name, each in contestants.items() if name != BARE}
    for name, each in contestants.items():
        with said(f"{size.idle} idle sockets, {name}"):
            findings.idle[name] = load.do("idle", target=each.target, count=size.idle)
    _rounds(house, load, contestants, findings)
    _single_prompts(house, load, contestants, findings)
    for name, each in ours.items():
        with said(f"cancels, {name}"):
            findings.cancels[name] = _cancels(house, load, each, name, size.cancels)
        with said(f"opening conversations, {name}"):
            findings.opened[name] = load.do(
                "open", target=each.target, ids=prepared["conversations"]
            )
    _joins(house, load, ours, findings)
    _without_redis(house, load, ours, findings)
    return findings


def _contestants(house: House) -> dict[str, Contestant]:
    contestants = {BARE: house.bare()}
    for form in ("inline", CLUSTER):
        for server in SERVERS:
            contestants[f"{form} {server}"] = _made(house, f"{form} {server}", {})
    return contestants


def _made(house: House, name: str, settings: dict[str, str], also: str = "") -> Contestant:
    """A contestant by the name of its column."""
    form, server = name.split(" ")
    make = house.cluster if form == CLUSTER else house.inline
    return make(name + also, server, settings)


def _cancels(house: House, load: Load, each: Contestant, tag: str, count: int) -> dict[str, Any]:
    found: dict[str, Any] = load.do(
        "cancels",
        target=each.target,
        upstream=house.upstream,
        tag=_tag("cancel", tag),
        each=count,
    )
    return found


def _rounds(
    house: House, load: Load, contestants: dict[str, Contestant], findings: Findings
) -> None:
    """A B C A B C …: what changes with time changes for all."""
    size = findings.size
    beside = {"load": load.pid, "upstream": house.upstream_pid, "postgres": house.postgres_pid}
    for shape_name, shape in size.shapes.items():
        found = findings.streams.setdefault(shape_name, {name: [] for name in contestants})
        for number in range(size.rounds[shape_name]):
            for name, each in contestants.items():
                redis = {"redis": each.redis.pid} if each.redis else {}
                with said(f"{shape_name} streams, round {number + 1}, {name}"):
                    found[name].append(
                        load.do(
                            "streams",
                            target=each.target,
                            tag=_tag(shape_name, name, str(number)),
                            count=shape.streams,
                            tokens=shape.tokens,
                            per_second=shape.per_second,
                            beside=beside | redis,
                        )
                    )


def _single_prompts(
    house: House, load: Load, contestants: dict[str, Contestant], findings: Findings
) -> None:
    count = findings.size.singles
    with said("single prompts"):
        findings.singles["direct"] = load.do(
            "direct", upstream=house.upstream, tag="direct", count=count
        )
        for name, each in contestants.items():
            findings.singles[name] = load.do(
                "one by one", target=each.target, tag=_tag("single", name), count=count
            )


def _joins(house: House, load: Load, ours: dict[str, Contestant], findings: Findings) -> None:
    tokens = findings.size.join_tokens
    pulse = {"CHAT_PULSE_MS": str(round(PULSE_MS / HURRY))}
    for name in ours:
        what = f"joining an answer of {tokens} tokens, {name}"
        with said(what), house.processes.for_a_while():
            target = _made(house, name, pulse, " joined").target
            plan = Plan(_tag("join", name), tokens, 50 * HURRY)
            findings.joins[name] = load.do("join", target=target, plan=plan)


def _without_redis(
    house: House, load: Load, ours: dict[str, Contestant], findings: Findings
) -> None:
    """Last, for what it leaves behind is nobody's to measure."""
    count = findings.size.cancels_without_redis
    for name, each in ours.items():
        if each.redis is None:
            continue
        with said(f"cancels with Redis dead, {name}"):
            each.redis.kill()
            found = _cancels(house, load, each, f"{name} without redis", count)
            findings.cancels_without_redis[name] = found
            each.redis.start()
            load.do("one by one", target=each.target, tag=_tag("again", name), count=1)


def _tag(*parts: str) -> str:
    return "-".join(parts).replace(" ", "_")
