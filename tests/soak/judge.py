"""Samples → faults. Pure: what may grow, by how much, and what has to be gone at the end.

A leak is a trend, and load makes noise: a straight line is laid through the second half of the
samples, when caches are warm, and what it rises is held against what is allowed, less twice what
chance could have done.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Sample = Mapping[str, float]

SIGMAS = 2.0
FEWEST_SAMPLES = 8


class Allowed(NamedTuple):
    """What a measure may rise in the second half: so much, and a share of where it stands."""

    amount: float
    share: float = 0.0


class Trend(NamedTuple):
    """Over the second half: where the line begins, what it rises, and what of that may be noise."""

    start: float
    rise: float
    noise: float

    @property
    def certain(self) -> float:
        """The least that it rises."""
        return max(0.0, self.rise - self.noise)


# By the last word of a measure's name. Nothing that a response needs is kept by a process after its
# end, so that these are room for the allocator and the pools, and not for each response.
GROWTH = {
    "MB": Allowed(4.0, 0.04),
    "descriptors": Allowed(8),
    "tasks": Allowed(10, 0.1),
    "connections": Allowed(4),
    "clients": Allowed(2),
    "channels": Allowed(0.5),
    "rows": Allowed(10, 0.1),
}
# What may be there when all is over, above what was there when all began. Objects are those that
# are left by the collector: in between, how many there are says when it came by last.
LEFT_OVER = {
    "descriptors": Allowed(60),
    "tasks": Allowed(10),
    "objects": Allowed(2_000),
    "connections": Allowed(50),
    "clients": Allowed(4),
    "channels": Allowed(0),
    "rows": Allowed(0),
}


def trend(times: Sequence[float], values: Sequence[float]) -> Trend:
    """The straight line through the second half, by least squares. `times` ascend."""
    half = len(times) // 2
    times, values = times[half:], values[half:]
    count = len(times)
    middle, mean = sum(times) / count, sum(values) / count
    spread = sum((time - middle) ** 2 for time in times)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True)) / spread
    left = sum((v - mean - slope * (t - middle)) ** 2 for t, v in zip(times, values, strict=True))
    span = times[-1] - times[0]
    error = math.sqrt(left / (count - 2) / spread)
    return Trend(mean + slope * (times[0] - middle), slope * span, SIGMAS * error * span)


def growing(samples: Sequence[Sample]) -> list[str]:
    """What grew by more than it may. Each sample holds `at`, in seconds, and the same measures."""
    if len(samples) < FEWEST_SAMPLES:
        return [f"only {len(samples)} samples: nothing can be said of growth"]
    faults = []
    for name, found in trends(samples).items():
        allowed = _rule(GROWTH, name)
        if allowed is None:
            continue
        most = allowed.amount + allowed.share * max(0.0, found.start)
        if found.certain > most:
            faults.append(
                f"{name} grew by {found.rise:.1f} (± {found.noise:.1f}) from {found.start:.1f}"
                f" in the second half, {most:.1f} allowed"
            )
    return faults


def trends(samples: Sequence[Sample]) -> dict[str, Trend]:
    """By measure: those that every sample has."""
    names = set.intersection(*(set(each) for each in samples)) - {"at"}
    times = [each["at"] for each in samples]
    return {name: trend(times, [each[name] for each in samples]) for name in sorted(names)}


def left_over(before: Sample, after: Sample) -> list[str]:
    """What has not gone with the load: `before` it began, and `after` all of it had left."""
    faults = []
    for name in sorted(before.keys() & after.keys()):
        allowed = _rule(LEFT_OVER, name)
        if allowed is not None and after[name] > before[name] + allowed.amount:
            faults.append(
                f"{name}: {after[name]:g} are left, {before[name]:g} were there before,"
                f" {allowed.amount:g} more allowed"
            )
    return faults


def disappeared(samples: Sequence[Sample]) -> list[str]:
    """Measures that some samples have and the last one has not: a process that was there died."""
    if not samples:
        return []
    seen = set.union(*(set(each) for each in samples))
    return [f"{name} could not be measured at the end" for name in sorted(seen - set(samples[-1]))]


def _rule(rules: Mapping[str, Allowed], name: str) -> Allowed | None:
    return rules.get(name.rpartition(" ")[2])
