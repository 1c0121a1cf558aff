"""A page of the tests: as the one in a browser, over real WebSockets to whichever process answers.

It follows one conversation with its cursors, connects again when the connection breaks, to the next
web process, and says again, under the same `event_id`, what was not answered. It fails at once on a
hole or a double.
"""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import cycle, islice
from types import TracebackType
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.screen import TERMINAL, Screen
from tests.service import Account

SECONDS = 30
SIGNED_OUT = 4401
SHUTTING_DOWN = "shutting_down"
FIRST_WAIT_SECONDS = 0.2  # Before it connects again; each time twice as long, half of it chance.
LONGEST_WAIT_SECONDS = 15.0
HANDSHAKE_SECONDS = 4.0  # A page's own is 9.
ALIVE_SECONDS = 3.0  # A connection that is silent for longer, though asked, is given up.
ACKNOWLEDGED_AT_ONCE = 8


class Page(Screen):
    """One tab. `doors` are the addresses of the web processes; it begins with the `first`.
    `headers` sign it in, if not the account's key.

    `refusals` are the errors that came, `said` the frames that have no final answer yet.
    """

    def __init__(
        self,
        account: Account,
        doors: Sequence[str],
        conversation_id: str,
        first: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self.refusals: list[dict[str, Any]] = []
        self.said: dict[str, dict[str, Any]] = {}
        self.connections = 0
        self.is_ready = self.is_removed = self.is_signed_out = False
        self.close_codes: list[int] = []
        self._headers = headers or {"Authorization": f"Bearer {account.key}"}
        self._doors = list(islice(cycle(doors), first, first + len(doors)))
        self._socket: ClientConnection | None = None
        self._life: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._unacknowledged = 0
        self._tries = 0  # Since a connection was last good.

    async def __aenter__(self) -> "Page":
        self._life = asyncio.create_task(self._live())
        await self.until(lambda: self.is_ready, "its conversation")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._life is not None
        self._life.cancel()
        (ended,) = await asyncio.gather(self._life, return_exceptions=True)
        if error is None and isinstance(ended, Exception):
            raise ended

    # --- what a person does

    async def prompt(self, text: str, **fields: Any) -> str:
        """Prompt, once. Returns the `event_id`; what came of it, `begun` tells."""
        if "event_id" in fields:  # Somebody else may have said it.
            self.asked_again.add(fields["event_id"])
        fields = {"input": text, "conversation": self.conversation_id, **fields}
        return await self._say("response.create", **fields)

    async def cancel(self, response_id: str) -> str:
        return await self._say("interject:cancel", response_id=response_id)

    async def steer(self, response_id: str, text: str) -> str:
        return await self._say("response.steer", previous_response_id=response_id, input=text)

    async def drop(self) -> None:
        """Its connection breaks."""
        if self._socket is not None:
            self._socket.transport.abort()
            await self._socket.wait_closed()

    # --- waiting

    async def until(
        self, holds: Callable[[], Any], what: str = "", seconds: float = SECONDS
    ) -> None:
        """Wait until something holds of what was seen. Fails with what the page failed with."""
        assert self._life is not None
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    if self._life.done():
                        self._life.result()
                        raise AssertionError(f"the page left, and never saw {what}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"never saw {what or holds}: {self.frames[-3:]}") from None

    async def answered(self, event_id: str) -> None:
        """Wait until what was said is taken, or refused."""
        await self.until(lambda: event_id not in self.said, "an answer to what was said")

    async def begun(self, event_id: str, seconds: float = SECONDS) -> str:
        """The response to a prompt of its own."""

        def refused() -> bool:
            return any(error.get("event_id") == event_id for error in self.refusals)

        await self.until(
            lambda: self.response_to(event_id) or refused(), "the response to a prompt", seconds
        )
        response_id = self.response_to(event_id)
        assert response_id is not None, self.refusals
        return response_id

    async def asked(self, text: str, **fields: Any) -> str:
        """Prompt, and wait until the response has begun. Returns its id."""
        return await self.begun(await self.prompt(text, **fields))

    async def reads(self, response_id: str, text: str) -> None:
        """Wait until the answer shows these words."""
        await self.until(lambda: text in self.text(response_id), f"{text!r} of {response_id}")

    async def end(self, response_id: str, seconds: float = SECONDS) -> dict[str, Any]:
        """The response as it ended."""
        await self.until(lambda: response_id in self.endings, f"the end of {response_id}", seconds)
        return self.endings[response_id]

    async def completes(self, response_id: str, seconds: float = SECONDS) -> None:
        """Wait for its end, which is a good one."""
        ended = await self.end(response_id, seconds)
        assert ended["status"] == "completed", ended

    async def left(self, seconds: float = SECONDS) -> None:
        """Wait until it has gone for good."""
        assert self._life is not None
        async with asyncio.timeout(seconds):
            await asyncio.wait({self._life})

    # --- its connection

    async def _live(self) -> None:
        try:
            for door in cycle(self._doors):
                with suppress(OSError, WebSocketException, TimeoutError):
                    await self._connect(door)
                if self.is_signed_out:
                    return
                await asyncio.sleep(self._backoff())
        finally:
            self._changed.set()

    def _backoff(self) -> float:
        wait = min(FIRST_WAIT_SECONDS * 2**self._tries, LONGEST_WAIT_SECONDS)
        self._tries += 1
        return random.uniform(wait / 2, wait)

    async def _connect(self, door: str) -> None:
        async with connect(
            door + "?interject=1",
            additional_headers=self._headers,
            max_size=None,
            compression=None,
            open_timeout=HANDSHAKE_SECONDS,
            ping_interval=ALIVE_SECONDS,
            ping_timeout=ALIVE_SECONDS,
            close_timeout=0.5,
        ) as socket:
            self.connections += 1
            self._socket = socket
            self.opened()
            try:
                await self._follow()
                async for message in socket:
                    await self._take(json.loads(message))
            finally:
                self._socket = None
                self.is_ready = False
                self.closed()
                self.close_codes.append(socket.close_code or 0)
                self.is_signed_out = socket.close_code == SIGNED_OUT

    async def _follow(self) -> None:
        frame = {"conversation": self.conversation_id, "event_id": f"follow-{uuid4().hex}"}
        if after := self.cursors():
            frame["after"] = after
        await self._send({"type": "interject:follow", **frame})

    async def _say(self, kind: str, **fields: Any) -> str:
        event_id: str = fields.setdefault("event_id", uuid4().hex)
        self.said[event_id] = {"type": kind, **fields}
        if self.is_ready:
            await self._send(self.said[event_id])
        return event_id

    async def _send(self, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps(frame))

    # --- frames

    async def _take(self, frame: dict[str, Any]) -> None:
        self.show(frame)
        self._settle(frame)
        match frame["type"]:
            case "interject:followed" | "interject:snapshot":
                self.is_ready = True
                self._tries = 0
                for said in list(self.said.values()):
                    self.asked_again.add(said["event_id"])
                    await self._send(said)
            case "interject:removed":
                self.is_removed = True
            case kind if kind.startswith("response.") and "response_id" in frame:
                await self._acknowledge(frame)
        self._changed.set()

    async def _acknowledge(self, event: dict[str, Any]) -> None:
        self._unacknowledged += 1
        if self._unacknowledged < ACKNOWLEDGED_AT_ONCE and event["type"] not in TERMINAL:
            return
        self._unacknowledged = 0
        response_id = event["response_id"]
        shown = {"response_id": response_id, "sequence_number": self.numbers[response_id]}
        await self._send({"type": "interject:ack", **shown})

    def _settle(self, frame: dict[str, Any]) -> None:
        """What is answered is not said again."""
        match frame["type"]:
            case "error" if frame["error"]["code"] == SHUTTING_DOWN:
                """It is said again on the next connection."""
            case "error" | "response.steer.failed":
                self.refusals.append(frame)
                self._settled(frame.get("event_id"))
            case "interject:cancelled":
                self._settled(frame.get("event_id"))
            case "interject:queued" | "interject:dequeued":
                self._settled(frame["target_event_id"])
            case "interject:followed" | "interject:snapshot":
                for waiting in frame["queued"]:
                    self._settled(waiting["event_id"])
        for event_id, said in list(self.said.items()):
            stopped = said["type"] == "interject:cancel" and said["response_id"] in self.endings
            if stopped or self.response_to(event_id):
                self._settled(event_id)

    def _settled(self, event_id: str | None) -> None:
        if event_id is not None:
            self.said.pop(event_id, None)
