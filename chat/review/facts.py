"""The numbers of a response, in words for its reader."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chat.models import Response
from chat.protocol.events import CACHE_HIT, CACHE_MISS
from chat.review.plain import one_line

CACHE = {CACHE_HIT: "answered from it", CACHE_MISS: "asked upstream"}


class Fact(NamedTuple):
    name: str
    value: str


def facts_of(response: Response) -> list[Fact]:
    """Tokens, times, speed, failovers and the cache: those that are known."""
    found = [
        ("input", _input_tokens(response)),
        ("output", _output_tokens(response)),
        ("first delta", seconds_between(response.created_at, response.first_delta_at)),
        ("took", seconds_between(response.created_at, response.ended_at)),
        ("speed", _speed(response)),
        ("taken over", _switches(response)),
        ("cache", CACHE.get(response.cache, "")),
    ]
    return [Fact(name, value) for name, value in found if value]


def _input_tokens(response: Response) -> str:
    return _tokens(response.input_tokens, response.cached_tokens, "cached", response)


def _output_tokens(response: Response) -> str:
    return _tokens(response.output_tokens, response.reasoning_tokens, "reasoning", response)


def _tokens(count: int | None, part: int | None, part_name: str, response: Response) -> str:
    if count is None:
        return ""
    inner = [f"{part:,} {part_name}"] if part else []
    if response.usage_estimated:
        inner.append("estimated")
    note = f" ({', '.join(inner)})" if inner else ""
    return f"{count:,} tokens{note}"


def _speed(response: Response) -> str:
    """Tokens a second, from the first delta to the end."""
    if not response.output_tokens or not response.first_delta_at or not response.ended_at:
        return ""
    seconds = (response.ended_at - response.first_delta_at).total_seconds()
    if seconds <= 0:
        return ""
    roughly = "about " if response.usage_estimated else ""
    return f"{roughly}{response.output_tokens / seconds:,.1f} tokens/s"


def _switches(response: Response) -> str:
    """From whom, and why."""
    kept = response.switches if isinstance(response.switches, list) else []
    told = [
        f"from {one_line(str(each.get('from')))} ({one_line(str(each.get('reason')))})"
        for each in kept
        if isinstance(each, dict)
    ]
    return ", ".join(told)


def seconds_between(begin: datetime, end: datetime | None) -> str:
    """How long something took; nothing while it has not ended."""
    if end is None:
        return ""
    # Two clocks: the process's, and for a row without a process the database's.
    seconds = max(0.0, (end - begin).total_seconds())
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"


def receipt_of(response: Response) -> str:
    """Who cancelled it, when, how soon upstream was closed, and what they had seen by then."""
    kept: Mapping[str, Any] = response.receipt if isinstance(response.receipt, dict) else {}
    if not kept:
        return ""
    said = [f"Cancelled by {one_line(str(kept.get('asked_by') or 'somebody'))}"]
    asked_at, closed_at = _epoch(kept, "asked_at"), _epoch(kept, "upstream_closed_at")
    if asked_at is not None:
        said.append(f"at {datetime.fromtimestamp(asked_at, UTC):%Y-%m-%d %H:%M:%S} UTC")
    if asked_at is not None and closed_at is not None:
        said.append(f"· upstream closed after {max(0.0, closed_at - asked_at) * 1000:.1f} ms")
    else:
        said.append("· upstream was not open")
    if isinstance(kept.get("seen_sequence_number"), int):
        said.append(f"· seen up to event {kept['seen_sequence_number']:,}")
    return " ".join(said)


def _epoch(kept: Mapping[str, Any], name: str) -> float | None:
    value = kept.get(name)
    return float(value) if isinstance(value, int | float) else None


def error_of(response: Response) -> tuple[str, str] | None:
    """The error's code and message."""
    kept = response.error
    if not isinstance(kept, dict):
        return None
    return one_line(str(kept.get("code") or "error")), str(kept.get("message") or "")
