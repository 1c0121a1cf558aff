"""A channel layer that does what channel layers may: lose, double and reorder."""

import asyncio
import random
from typing import Any

from channels.layers import InMemoryChannelLayer


class FaultyLayer(InMemoryChannelLayer):
    """The in-memory layer, but for a share of its messages. Seeded, so that a run can be had again.

    `lost`, `doubled` and `late` are shares of all messages; a late one comes after up to
    `MAX_LATE_SECONDS`, behind messages that were sent after it.
    """

    MAX_LATE_SECONDS = 0.08

    def __init__(
        self, seed: int, *, lost: float = 0.0, doubled: float = 0.0, late: float = 0.0
    ) -> None:
        super().__init__(capacity=100_000)
        self._random = random.Random(seed)
        self.lost, self.doubled, self.late = lost, doubled, late

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        fate = self._random.random()
        if fate < self.lost:
            return
        if fate < self.lost + self.doubled:
            await super().send(channel, message)
        elif fate < self.lost + self.doubled + self.late:
            seconds = self._random.uniform(0, self.MAX_LATE_SECONDS)
            asyncio.get_running_loop().call_later(seconds, self._deliver, channel, message)
            return
        await super().send(channel, message)

    def _deliver(self, channel: str, message: dict[str, Any]) -> None:
        task = asyncio.ensure_future(super().send(channel, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    _tasks: set[asyncio.Task[None]] = set()
