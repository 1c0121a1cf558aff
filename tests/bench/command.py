"""What the commands that measure have in common: how they are stopped, and how they fail."""

import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from tests.bench.processes import Failed

FAILED = 1
STOPPED = 130


def carry_out(name: str, work: Callable[[], int]) -> int:
    """Do it, and leave nothing running whoever stops it. The exit status, which is `work`'s own."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return work()
    except (Failed, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return STOPPED


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt
