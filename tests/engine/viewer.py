"""A viewer of the tests: a real session, and what a browser would make of its frames."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from chat.access import Identity
from chat.engine import log
from chat.engine.process import Engine
from chat.web.session import Session
from tests.screen import Screen

SECONDS = 60


class Viewer(Screen):
    """One who looks at conversations by way of a session in this process."""

    def __init__(self, engine: Engine, identity: Identity) -> None:
        super().__init__()
        self.engine = engine
        self.identity = identity
        self.closed_with: int | None = None
        self.acknowledges = False
        self._changed = asyncio.Event()
        self._session: Session | None = None
        self._leaving: asyncio.Task[None] | None = None

    # --- the connection

    async def connect(self) -> "Viewer":
        self._session = Session(self.engine, self.identity, self._take, self._close, extended=True)
        self._session.start()
        self.opened()
        return self

    async def drop(self) -> None:
        """The connection breaks: whatever was on its way is lost."""
        session, self._session = self._session, None
        if session is not None:
            await session.finish()
            self.closed()

    def send(self, kind: str, **fields: Any) -> str:
        """Send a frame. Returns its `event_id`."""
        assert self._session is not None
        event_id = uuid4().hex
        self._session.receive(json.dumps({"type": kind, "event_id": event_id, **fields}))
        return event_id

    def follow(self, conversation_id: str, *, resume: bool = False) -> None:
        after = self.cursors() if resume else []
        self.send("interject:follow", conversation=conversation_id, after=after)

    def acknowledge(self, response_id: str) -> None:
        """Everything that came of the response was shown."""
        self.send(
            "interject:ack",
            response_id=response_id,
            sequence_number=self.numbers[response_id],
            event_id=None,
        )

    @property
    def is_heard(self) -> bool:
        """Whether everything that was sent on this connection was done, or refused."""
        if self._session is None:
            return True
        lanes = self._session._lanes
        return not any(each._task for each in (lanes._prompts, lanes._reads, lanes._control))

    # --- waiting

    async def until(self, holds: Any, what: str = "") -> None:
        """Wait until something holds of what was seen."""
        try:
            async with asyncio.timeout(SECONDS):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"never saw {what or holds}: {self.frames[-3:]}") from None

    async def frame(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first frame of this kind with these fields."""

        def found() -> dict[str, Any] | None:
            for frame in self.frames:
                if frame["type"] == kind and fields.items() <= frame.items():
                    return frame
            return None

        await self.until(found, f"{kind} {fields}")
        frame = found()
        assert frame is not None
        return frame

    # --- frames

    async def _take(self, text: str) -> None:
        frame = json.loads(text)
        self.show(frame)
        is_event = frame["type"].startswith("response.") and "response_id" in frame
        if self.acknowledges and self._session is not None and is_event:
            self.acknowledge(frame["response_id"])
        self._changed.set()

    async def _close(self, code: int) -> None:
        self.closed_with = code
        self._changed.set()
        # As a server does, and not here: the session ends tasks of its own, of which this is one.
        self._leaving = asyncio.create_task(self.drop())


async def begin(viewer: Viewer, text: str) -> tuple[str, str]:
    """Prompt, and wait for the response's first text. Returns its id and its conversation's."""
    event_id = viewer.send("response.create", input=text)
    await viewer.until(
        lambda: any(
            frame["type"] == "response.created"
            and frame["response"]["interject"]["event_id"] == event_id
            for frame in viewer.frames
        )
    )
    created = next(
        frame["response"]
        for frame in viewer.frames
        if frame["type"] == "response.created"
        and frame["response"]["interject"]["event_id"] == event_id
    )
    await viewer.until(lambda: viewer.text(created["id"]))
    return created["id"], created["conversation"]["id"]


async def kept_text(engine: Engine, response_id: str) -> str:
    """The text of a response as the log has it."""
    viewer, wanted = Viewer(engine, None), 0
    while runs := await log.read(engine.pool, response_id, wanted):
        for first, frames in runs:
            wanted = first + len(frames)
            for frame in frames:
                await viewer._take(frame)
    return viewer.text(response_id)
