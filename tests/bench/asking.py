"""Upstream itself: asked with nobody in between, and asked what it saw."""

import asyncio
import json
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from tests.bench.plan import Plan

PAUSE_SECONDS = 0.1


async def direct(upstream: str, tag: str, count: int) -> list[float]:
    """Milliseconds to the first token of single requests on a connection that is open already."""
    where = urlsplit(upstream)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    times = []
    for number in range(count):
        body = json.dumps({"prompt": Plan(f"{tag}-{number}", tokens=3, per_second=20).prompt})
        head = f"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
        await asyncio.sleep(PAUSE_SECONDS)
        asked = time.monotonic()
        writer.write((head + body).encode())
        await reader.readuntil(b"data: ")
        times.append(1000 * (time.monotonic() - asked))
        await reader.readuntil(b"\r\n0\r\n\r\n")
    writer.close()
    return times


async def seen(upstream: str, prefix: str) -> dict[str, dict[str, Any]]:
    """What became of the answers whose tags begin so: `upstream.Seen`, by tag."""
    where = urlsplit(upstream)
    url = f"http://{where.netloc}/seen/{prefix}"

    def ask() -> dict[str, dict[str, Any]]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            told: dict[str, dict[str, Any]] = json.loads(answer.read())
            return told

    return await asyncio.to_thread(ask)
