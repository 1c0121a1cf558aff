"""A screen: one device of a user, over all of its connections. It reads as its user's manners say.

Owns the connection and the acks. What it saw is its `transcript`'s.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.soak.transcript import Shown, Transcript

WAIT_SECONDS = 60.0


class Manners(NamedTuple):
    """How a screen reads: acks that often (None: never), and naps for so long at every 100th frame.

    While it naps it reads nothing, and acknowledges nothing.
    """

    ack_seconds: float | None = 0.2
    nap_seconds: float = 0.0


PROMPT = Manners()
LATE = Manners(ack_seconds=2.0)
NEVER = Manners(ack_seconds=None)
SLEEPY = Manners(ack_seconds=0.5, nap_seconds=3.0)
NAP_FRAMES = 100


class TooLate(Exception):
    """What was waited for did not come."""


class Screen:
    """`url`, `key`: where to connect, as whom. `sent` counts the frames with an `event_id`."""

    def __init__(self, url: str, key: str, manners: Manners = PROMPT) -> None:
        self.transcript = Transcript()
        self.sent = 0
        self.closed_with: list[int | None] = []
        self._url = url
        self._key = key
        self._manners = manners
        self._connection: ClientConnection
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._acked: dict[str, int] = {}

    async def __aenter__(self) -> "Screen":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def open(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        self._connection = await connect(
            self._url, additional_headers=headers, max_size=None, ping_interval=None
        )
        self._tasks = [asyncio.create_task(self._read())]
        if self._manners.ack_seconds is not None:
            self._tasks.append(asyncio.create_task(self._ack(self._manners.ack_seconds)))

    async def leave(self) -> None:
        await self._stop_reading()
        await self._connection.close()

    async def vanish(self) -> None:
        """As a device does that loses its network: no goodbye."""
        await self._stop_reading()
        self._connection.transport.abort()

    async def send(self, kind: str, **fields: Any) -> None:
        self.sent += "event_id" in fields
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def until(self, found: Callable[[Transcript], Any], what: str) -> None:
        """Wait until the transcript has it. Raises `TooLate`."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not found(self.transcript):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TooLate(f"{what} did not come (closed: {self.closed_with})") from None

    async def begun(self, tag: str) -> Shown:
        """The response that the prompt or steer of this name became."""
        await self.until(lambda seen: seen.by_tag(tag), f"the response of {tag}")
        found = self.transcript.by_tag(tag)
        assert found is not None
        return found

    async def said(self, tag: str, chars: int) -> None:
        """Until the answer is so long, or over."""
        await self.begun(tag)

        def is_there(seen: Transcript) -> bool:
            shown = seen.by_tag(tag)
            return shown is not None and (len(shown.text) >= chars or shown.ended)

        await self.until(is_there, f"{chars} characters of {tag}")

    async def ended(self, tag: str) -> Shown:
        def is_over(seen: Transcript) -> bool:
            shown = seen.by_tag(tag)
            return shown is not None and shown.ended

        await self.until(is_over, f"the end of {tag}")
        return await self.begun(tag)

    def id_of(self, tag: str) -> str:
        return next(id_ for id_, each in self.transcript.responses.items() if each.tag == tag)

    async def _stop_reading(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _read(self) -> None:
        frames = 0
        try:
            async for message in self._connection:
                self.transcript.take(json.loads(message))
                self._news.set()
                frames += 1
                if self._manners.nap_seconds and frames % NAP_FRAMES == 0:
                    await asyncio.sleep(self._manners.nap_seconds)
        finally:
            with suppress(ConnectionClosed):
                self.closed_with.append(self._connection.close_code)

    async def _ack(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            for id_, shown in self.transcript.responses.items():
                if shown.number > self._acked.get(id_, -1):
                    self._acked[id_] = shown.number
                    with suppress(ConnectionClosed):
                        await self.send(
                            "interject:ack", response_id=id_, sequence_number=shown.number
                        )
