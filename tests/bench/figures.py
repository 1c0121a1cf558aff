"""Percentiles, medians and spreads. Pure."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of several rounds, with the least and the most."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent are not above; 0 where there is none."""
    ordered = sorted(values) or [0.0]
    place = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(place) - 1)]


def ratios(values: Sequence[float], bare: Sequence[float]) -> list[float]:
    """Each round by the same round of the bare relay: what disturbed one disturbed both."""
    return [value / yardstick for value, yardstick in zip(values, bare, strict=False)]
