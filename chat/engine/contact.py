"""For how long Postgres was in reach without a break, as far as this process can tell. Pure.

Whoever was out of reach cannot tell a dead process from one that was out of reach as well.
"""

# A process that did not look for this long (it was stopped, or its loop was blocked) saw nothing.
MAX_GAP_SECONDS = 4.0


class Contact:
    """Times are in seconds of any clock that does not go backwards."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last = 0.0

    def made(self, now: float) -> None:
        """Postgres answered."""
        if self._since is None or now - self._last > MAX_GAP_SECONDS:
            self._since = now
        self._last = now

    def lost(self) -> None:
        """Postgres did not answer."""
        self._since = None

    def has_lasted(self, seconds: float, now: float) -> bool:
        if self._since is None or now - self._last > MAX_GAP_SECONDS:
            return False
        return now - self._since >= seconds
