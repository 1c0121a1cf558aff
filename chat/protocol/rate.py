"""A token bucket: so much at once, so much a second for long. Time is an argument."""


class TokenBucket:
    """`burst` at once, `per_second` for long. `now` is in seconds and does not run backwards."""

    def __init__(self, *, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self) -> float:
        """Seconds until one more is allowed."""
        return max(0.0, (1 - self._tokens) / self._per_second)
