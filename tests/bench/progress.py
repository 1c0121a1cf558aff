"""What a bench says while it measures. Its figures go to stdout; this does not."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def said(what: str) -> Iterator[None]:
    """Say on stderr what is being measured, and how long it took."""
    print(f"  {what} … ", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(file=sys.stderr)
        raise
    print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)
