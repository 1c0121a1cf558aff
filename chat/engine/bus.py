"""The bus: kept events and notices, to the followers here and, by the channel layer, elsewhere.

Followers in this process get everything at once. To another process goes one letter a pulse, with
what its followers want of all that was kept; notices go to a group of all processes, those that
wait together in one message. The layer may lose, double or reorder anything, and may be dead:
followers see what is missing and read the log. It never makes anybody wait: what cannot be sent in
time is dropped, the oldest first.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer

from chat.engine import notices
from chat.engine.interest import Interest
from chat.engine.notices import AnyNotice, Started
from chat.engine.outgoing import Outgoing, packed
from chat.protocol import batch as batches
from chat.protocol.batch import Batch

logger = logging.getLogger(__name__)

EVERYBODY = "interject"
_INBOX = "interject."
SEND_SECONDS = 2.0
# At once after a pause; then so often. In a crowd, waking Redis costs more than what is said.
ROUND_SECONDS = 0.005
RETRY_SECONDS = 0.5
REJOIN_SECONDS = 10.0
# A process that says nothing for so long is gone: each says every ten seconds that it is there.
GONE_SECONDS = 45.0

News = Callable[[str], Iterable[Batch]]


class Bus:
    """This process's end of the channel layer: an inbox, and a queue of what goes out.

    `latest` gives the last kept batch of each response of a conversation that runs here: whoever
    begins to listen learns from it what it missed.
    """

    def __init__(
        self,
        layer: BaseChannelLayer,
        process_id: str,
        on_batches: Callable[[Sequence[Batch]], None],
        on_notice: Callable[[AnyNotice], None],
    ) -> None:
        self.latest: News = lambda _: ()
        self._layer = layer
        self._process_id = process_id
        self._inbox = _inbox_of(process_id)
        self._on_batches = on_batches
        self._on_notice = on_notice
        self._interest = Interest()
        self._outgoing = Outgoing()
        self._heard: dict[str, float] = {}
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

    # --- what goes out

    def show(self, kept: Sequence[Batch]) -> None:
        """Let the followers have what was kept."""
        self._on_batches(kept)
        now = asyncio.get_running_loop().time()
        wanted: dict[str, list[Batch]] = {}
        for batch in kept:
            for inbox in self._interest.inboxes(batch.conversation_id, now):
                wanted.setdefault(inbox, []).append(batch)
        for inbox, batches_of_it in wanted.items():
            self._outgoing.keep(inbox, batches_of_it)
            self._wake.set()

    def tell(self, notice: AnyNotice, within_seconds: float = 0.0) -> None:
        """Say it to this process at once, and to the others behind what was shown before.

        `within_seconds`: for so long it may wait for something else that goes to them.
        """
        self._on_notice(notice)
        if self.is_alone:
            return
        self._outgoing.tell(notice)
        if within_seconds:
            asyncio.get_running_loop().call_later(within_seconds, self._wake.set)
        else:
            self._wake.set()

    def ask(self, process_id: str, conversations: Sequence[str]) -> None:
        """Have another process send what it keeps of these conversations, for a while."""
        if process_id != self._process_id:
            self._outgoing.ask(_inbox_of(process_id), conversations)
            self._wake.set()

    def listeners(self, conversation_id: str) -> list[str]:
        """The processes that are known to follow it."""
        now = asyncio.get_running_loop().time()
        inboxes = self._interest.inboxes(conversation_id, now)
        return [inbox.removeprefix(_INBOX) for inbox in inboxes]

    @property
    def is_alone(self) -> bool:
        """Whether no other process was heard of lately. One that comes says so."""
        long_ago = asyncio.get_running_loop().time() - GONE_SECONDS
        return all(heard_at < long_ago for heard_at in self._heard.values())

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
                due = asyncio.get_running_loop().time() + ROUND_SECONDS
                await self._send_round()
                await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _send_round(self) -> None:
        letters, told = self._outgoing.take()
        for inbox, letter in letters.items():
            message = {"type": "letter", "by": self._inbox, **letter}
            await self._try(self._layer.send(inbox, message))
        if told:
            message = {"type": "notices", "by": self._inbox, "notices": packed(told)}
            await self._try(self._layer.group_send(EVERYBODY, message))

    async def _try(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await sending
        except ChannelFull:
            logger.debug("The channel layer is full; followers read the log")
        except Exception as error:
            logger.warning("The channel layer failed; followers read the log: %r", error)

    # --- what comes in

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
        self._heard_of(message.get("by", self._inbox))
        match message["type"]:
            case "letter":
                self._on_batches(batches.unpack(message["kept"]))
                self._asked(message["by"], message["asked"])
            case "notices" if message["by"] != self._inbox:
                for each in message["notices"]:
                    self._hear(each, message["by"])
            case "probe" if message["name"] in self._probes:
                self._probes[message["name"]].set()

    def _hear(self, packed_notice: bytes, inbox: str) -> None:
        try:
            notice = notices.unpack(packed_notice)
            if notice is None:
                return
            if isinstance(notice, Started) and notice.connection_ids:
                # Whoever runs it sends its first word there, before it was asked to.
                now = asyncio.get_running_loop().time()
                self._interest.said(inbox, [notice.conversation_id], now)
            self._on_notice(notice)
        except Exception:
            logger.exception("A notice from another process was not understood")

    def _heard_of(self, inbox: str) -> None:
        if inbox == self._inbox:
            return
        if inbox not in self._heard:
            self._outgoing.ask(inbox)  # It has just come, and would not hear of us for a while.
            self._wake.set()
        self._heard[inbox] = asyncio.get_running_loop().time()

    def _asked(self, inbox: str, conversations: Sequence[str]) -> None:
        news = self._interest.said(inbox, conversations, asyncio.get_running_loop().time())
        missed = [batch for conversation_id in news for batch in self.latest(conversation_id)]
        if missed:
            self._outgoing.keep(inbox, missed)
            self._wake.set()

    async def _stay_joined(self) -> None:
        """Membership may be lost with Redis: from time to time, join again and say so."""
        while True:
            now = asyncio.get_running_loop().time()
            self._interest.forget_old(now)
            self._heard = {k: v for k, v in self._heard.items() if v > now - GONE_SECONDS}
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._layer.group_add(EVERYBODY, self._inbox)
                    hello = {"type": "here", "by": self._inbox}
                    await self._layer.group_send(EVERYBODY, hello)
            except Exception as error:
                logger.warning("Could not join the channel layer: %r", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await asyncio.sleep(REJOIN_SECONDS)


def _inbox_of(process_id: str) -> str:
    return _INBOX + process_id
