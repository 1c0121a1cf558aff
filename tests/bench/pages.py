"""Pages over plain HTTP, as a browser that is signed in asks for them."""

import asyncio
import time
import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.bench.figures import percentile
from tests.bench.streams import Target

TIMES = 10
DEADLINE_SECONDS = 60


async def measure(target: Target, cookie: str, paths: Sequence[str]) -> list[float]:
    """Milliseconds to the whole of each page: the median of some times."""
    base = f"http://{urlsplit(target.url).netloc}"
    return [await asyncio.to_thread(_median, base + path, cookie) for path in paths]


def _median(url: str, cookie: str) -> float:
    return percentile([_milliseconds(url, cookie) for _ in range(TIMES)], 50)


def _milliseconds(url: str, cookie: str) -> float:
    request = urllib.request.Request(url, headers={"Cookie": cookie})
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        answer.read()
        if answer.url != url:
            raise ValueError(f"{url} sent us to {answer.url}")
    return 1000 * (time.monotonic() - began)
