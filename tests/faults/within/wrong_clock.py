"""Puts the clock of a whole process wrong, by `CLOCK_AHEAD_SECONDS`.

The clocks that only measure (`time.monotonic`, that of the event loop) stay as they are.
"""

import datetime
import os
import time

AHEAD_SECONDS = float(os.environ["CLOCK_AHEAD_SECONDS"])
_right = datetime.datetime
_time, _time_ns = time.time, time.time_ns


class _AlsoTheRightOnes(type):
    """Whatever comes from Postgres is a datetime as well."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _right)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _right)


class _Wrong(_right, metaclass=_AlsoTheRightOnes):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _right:
        return _right.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> _right:
        return _right.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> _right:
        return _right.fromtimestamp(time.time())


_Wrong.__name__ = _Wrong.__qualname__ = "datetime"
_Wrong.__module__ = "datetime"
time.time = lambda: _time() + AHEAD_SECONDS
time.time_ns = lambda: _time_ns() + int(AHEAD_SECONDS * 1_000_000_000)
datetime.datetime = _Wrong  # type: ignore[misc]
