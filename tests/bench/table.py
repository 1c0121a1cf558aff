"""Findings → rows of text. Pure: what each line means, and what is to be reached."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.bench.figures import Spread, percentile, ratios, spread
from tests.bench.run import BARE, LENGTHS, Findings

NOTHING = "–"
KIB = 1024
MB = 1_000_000

Value = Callable[[dict[str, Any]], float]


class Row(NamedTuple):
    """A line of the table: what, the cells by contestant, what is to be reached."""

    what: str
    cells: dict[str, str]
    goal: str = ""


def rows(findings: Findings) -> list[Row]:
    made = [*_stream_rows(findings), *_memory_rows(findings), *_cancel_rows(findings)]
    made += _join_rows(findings)
    return [row for row in made if row.cells]


# --- streams

_CPU: Value = lambda round_: round_["micros"]["server"]  # noqa: E731
_WHAT = {
    "paced": "100 streams at 50 tokens/s",
    "burst": "100 streams in bursts",
    "crowd": "500 streams at 20 tokens/s",
}
# Of the cluster alone: what `micros` calls them.
_BESIDE = {
    "of it the web process": "web",
    "of it the worker": "workers",
    "Redis": "redis",
    "Postgres": "postgres",
}
_CPU_GOALS = {"paced": "0.9 ×, Daphne 1.15 ×", "burst": "0.4 ×", "crowd": "0.5 ×"}


def _stream_rows(findings: Findings) -> list[Row]:
    made = [
        Row(f"µs a token, {what}", _against_bare(findings, shape, _CPU, "µs"), _CPU_GOALS[shape])
        for shape, what in _WHAT.items()
    ]
    made += [
        *(
            Row(f"{what}: µs a token, 100 streams at 50 tokens/s", _beside(findings, name))
            for what, name in _BESIDE.items()
        ),
        Row(
            "first token p50, 100 prompts at once",
            _against_bare(findings, "paced", lambda round_: round_["first_p50"], "ms"),
            "1.5 ×",
        ),
        Row(
            "first token p99, 100 prompts at once",
            _against_bare(findings, "paced", lambda round_: round_["first_p99"], "ms"),
        ),
        Row("first token p50, one prompt", _singles(findings), "+10 ms over direct"),
        Row(
            "gap p99, 100 streams at 50 tokens/s",
            _plain(findings, "paced", lambda round_: round_["gap_p99"], "ms"),
        ),
        Row(
            "gap p99, 500 streams at 20 tokens/s",
            _plain(findings, "crowd", lambda round_: round_["gap_p99"], "ms"),
            "250 ms",
        ),
    ]
    return made


def _against_bare(findings: Findings, shape: str, value: Value, unit: str) -> dict[str, str]:
    """The middle round, and how it stands to the bare relay's, round by round."""
    found = findings.streams[shape]
    bare = [value(round_) for round_ in found[BARE]]
    cells = {}
    for name, rounds in found.items():
        values = [value(round_) for round_ in rounds]
        if not values:
            continue
        middle = f"{spread(values).middle:.0f} {unit}"
        if name == BARE:
            cells[name] = middle + _range(spread(values), "{:.0f}")
        else:
            times = spread(ratios(values, bare))
            cells[name] = f"{middle} · {times.middle:.2f} ×" + _range(times, "{:.2f}")
    return cells


def _beside(findings: Findings, name: str) -> dict[str, str]:
    """A process's share, of each contestant that has more than one, or all that Postgres serves."""
    cells = _plain(findings, "paced", lambda round_: round_["micros"].get(name, 0.0), "µs")
    paced = findings.streams["paced"]
    several = {each for each, rounds in paced.items() if rounds and "redis" in rounds[0]["micros"]}
    return {each: cell for each, cell in cells.items() if name == "postgres" or each in several}


def _plain(findings: Findings, shape: str, value: Value, unit: str) -> dict[str, str]:
    cells = {}
    for name, rounds in findings.streams[shape].items():
        if rounds:
            found = spread([value(round_) for round_ in rounds])
            cells[name] = f"{found.middle:.0f} {unit}" + _range(found, "{:.0f}")
    return cells


def _range(found: Spread, form: str) -> str:
    low, high = form.format(found.low), form.format(found.high)
    return "" if low == high else f" ({low}–{high})"


def _singles(findings: Findings) -> dict[str, str]:
    direct = percentile(findings.singles["direct"], 50)
    return {
        name: f"{(middle := percentile(times, 50)):.1f} ms · +{middle - direct:.1f}"
        for name, times in findings.singles.items()
        if name != "direct"
    }


# --- memory


def _memory_rows(findings: Findings) -> list[Row]:
    idle = findings.idle
    crowd = findings.streams["crowd"]
    return [
        Row(
            f"an idle socket, of {findings.size.idle}",
            {name: f"{found['each'] / KIB:.0f} KiB" for name, found in idle.items()},
            "45 KiB",
        ),
        Row(
            "memory at rest",
            {name: _megabytes(found["rest"]) for name, found in idle.items()},
            "130 MB a process",
        ),
        Row(
            "memory with 500 streams",
            {
                name: _megabytes([max(most) for most in zip(*_rss(rounds), strict=True)])
                for name, rounds in crowd.items()
                if rounds
            },
            "250 MB a process",
        ),
    ]


def _rss(rounds: Sequence[dict[str, Any]]) -> list[list[float]]:
    return [round_["rss"] for round_ in rounds]


def _megabytes(processes: Sequence[float]) -> str:
    """Of each process, in the order in which a prompt meets them."""
    return " · ".join(f"{each / MB:.0f}" for each in processes) + " MB"


# --- cancels and joins


def _cancel_rows(findings: Findings) -> list[Row]:
    made = []
    dead = findings.cancels_without_redis
    for all_found, kind, what, goal in (
        (findings.cancels, "closed", "cancel to upstream closed", "p99 50 ms"),
        (findings.cancels, "receipt", "cancel to its receipt", ""),
        (dead, "closed", "cancel to upstream closed, Redis dead", "p99 200 ms"),
        (dead, "receipt", "cancel to its receipt, Redis dead", ""),
    ):
        cells = {
            name: f"{found[kind]['p50']:.0f} / {found[kind]['p99']:.0f} ms"
            for name, found in all_found.items()
        }
        counts = {found[kind]["count"] for found in all_found.values()}
        count = counts.pop() if counts else 0
        made.append(Row(f"{what}, p50 / p99 of {count}", cells, goal))
    return made


def _join_rows(findings: Findings) -> list[Row]:
    made = [
        Row(
            f"join an answer of {findings.size.join_tokens:,} tokens, p50 / most",
            {
                name: f"{found['p50']:.0f} / {found['max']:.0f} ms"
                for name, found in findings.joins.items()
            },
            "50 ms",
        )
    ]
    for place, length in enumerate(LENGTHS):
        goal = "as many queries" if place else ""
        queries = findings.queries[place]
        cells = {
            name: f"{found[place]['p50']:.0f} ms · {queries} queries"
            for name, found in findings.opened.items()
        }
        made.append(Row(f"open a conversation of {length:,} items", cells, goal))
    return made


# --- text


def as_text(names: Sequence[str], lines: Sequence[Row]) -> str:
    cells = _cells(names, lines)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def as_markdown(names: Sequence[str], lines: Sequence[Row]) -> str:
    head, *rest = (f"| {' | '.join(line)} |" for line in _cells(names, lines))
    return "\n".join([head, "|---" * (len(names) + 2) + "|", *rest])


def _cells(names: Sequence[str], lines: Sequence[Row]) -> list[list[str]]:
    head = ["", *names, "to reach"]
    return [
        head,
        *([row.what, *(row.cells.get(name, NOTHING) for name in names), row.goal] for row in lines),
    ]


def shares(findings: Findings) -> str:
    """How busy those were that measure: near 100 % of a core, they are what was measured."""
    rounds = [each for found in findings.streams["paced"].values() for each in found]
    most = {
        name: max((each["busy"].get(name, 0.0) for each in rounds), default=0.0)
        for name in ("load", "upstream", "postgres", "redis")
    }
    busy = ", ".join(f"{name} {share:.0%}" for name, share in most.items())
    return f"Of a core, at most, with 100 streams at 50 tokens/s: {busy}."
