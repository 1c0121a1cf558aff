"""The bus: the channel layer, as what it is — at most once.

Carries kept events to this process's followers, one message a pulse, and notices to all. It
may lose, double or reorder anything: followers see what is missing and read the log. It never makes
anybody wait: what cannot be sent in time is dropped, the oldest first.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from chat.engine import notices
from chat.engine.notices import AnyNotice
from chat.protocol import batch as batches
from chat.protocol.batch import Batch

logger = logging.getLogger(__name__)

EVERYBODY = "interject"
MAX_WAITING = 256
SEND_SECONDS = 2.0
RETRY_SECONDS = 0.5
REJOIN_SECONDS = 60.0


class _Said(NamedTuple):
    """A notice on its way. `heard_by`: the inbox of a process that knows it already."""

    notice: AnyNotice
    heard_by: str


class Bus:
    """This process's end of the channel layer: an inbox, and a queue of what goes out."""

    def __init__(
        self,
        layer: BaseChannelLayer,
        process_id: str,
        on_batches: Callable[[list[Batch]], None],
        on_notice: Callable[[AnyNotice], None],
    ) -> None:
        self._layer = layer
        self._inbox = f"interject.{process_id}"
        self._on_batches = on_batches
        self._on_notice = on_notice
        # One entry a pulse, however many responses spoke in it: with one a batch, a pulse of more
        # than the bound dropped its own first batches, and their followers went to the log.
        self._outgoing: deque[list[Batch] | _Said] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._probes: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        work = {"send": self._send_all, "receive": self._receive_all, "join": self._stay_joined}
        self._tasks = [
            asyncio.create_task(each(), name=f"bus {name}") for name, each in work.items()
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._layer.group_discard(EVERYBODY, self._inbox)
        except Exception as error:
            logger.warning("Could not leave the channel layer: %s", error)

    def show(self, kept: Sequence[Batch]) -> None:
        """Let the followers have what was kept."""
        self._outgoing.append(list(kept))
        self._wake.set()

    def announce(self, notice: AnyNotice) -> None:
        """Say it to every process, behind what was shown before."""
        self._outgoing.append(_Said(notice, ""))
        self._wake.set()

    def tell(self, notice: AnyNotice) -> None:
        """Say it to this process at once, and to the others by the layer."""
        self._on_notice(notice)
        self._outgoing.append(_Said(notice, self._inbox))
        self._wake.set()

    async def probe(self) -> None:
        """Send this process a message and wait for it. Raises what the layer raises."""
        name, arrived = secrets.token_hex(8), asyncio.Event()
        self._probes[name] = arrived
        try:
            await self._layer.send(self._inbox, {"type": "probe", "name": name})
            await arrived.wait()
        finally:
            del self._probes[name]

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                await self._send_next()

    async def _send_next(self) -> None:
        """One message: a notice, or all batches up to the next notice, for their order is kept."""
        kept = self._leading_batches()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                if kept:
                    await self._layer.send(
                        self._inbox, {"type": "kept", "batches": batches.pack(kept)}
                    )
                else:
                    said = self._outgoing.popleft()
                    assert isinstance(said, _Said)
                    packed = notices.pack(said.notice)
                    await self._layer.group_send(
                        EVERYBODY, {"type": "notice", "notice": packed, "heard_by": said.heard_by}
                    )
        except ChannelFull:
            logger.debug("The channel layer is full; followers read the log")
        except Exception as error:
            logger.warning("The channel layer failed; followers read the log: %r", error)

    def _leading_batches(self) -> list[Batch]:
        kept: list[Batch] = []
        while self._outgoing and isinstance(self._outgoing[0], list):
            kept += self._outgoing[0]
            self._outgoing.popleft()
        return kept

    async def _receive_all(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._inbox)
            except Exception as error:
                logger.warning("The channel layer failed to deliver: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                self._deliver(message)
            except Exception:
                logger.exception("A message from the channel layer was not understood")

    def _deliver(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "kept":
                self._on_batches(batches.unpack(message["batches"]))
            case "notice" if message["heard_by"] != self._inbox:
                self._on_notice(notices.unpack(message["notice"]))
            case "probe" if message["name"] in self._probes:
                self._probes[message["name"]].set()

    async def _stay_joined(self) -> None:
        """Membership may be lost with Redis: say it again from time to time."""
        while True:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._layer.group_add(EVERYBODY, self._inbox)
            except Exception as error:
                logger.warning("Could not join the channel layer: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await asyncio.sleep(REJOIN_SECONDS)
