"""A viewer of the tests: a real session, and what a browser would make of its frames.

Keeps the text of each response as the frames build it, and fails at once on a hole or a double.
"""

import asyncio
import json
from typing import Any
from uuid import uuid4

from chat.access import Identity
from chat.engine import log
from chat.engine.process import Engine
from chat.web.session import Session

SECONDS = 60
NAMED = 20  # The latest responses that a viewer who comes back names, as the page does.
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


class Viewer:
    """`steps` is everything that happened on its connections, for a second reading by the page."""

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self.engine = engine
        self.identity = identity
        self.numbers: dict[str, int] = {}
        self.endings: dict[str, dict[str, Any]] = {}
        self.parents: dict[str, str | None] = {}
        self.frames: list[dict[str, Any]] = []
        self.steps: list[Any] = []
        self.closed_with: int | None = None
        self.acknowledges = False
        self._texts_by_item: dict[str, dict[str, str]] = {}
        self._changed = asyncio.Event()
        self._session: Session | None = None
        self._leaving: asyncio.Task[None] | None = None

    # --- the connection

    async def connect(self) -> "Viewer":
        self._session = Session(self.engine, self.identity, self._take, self._close, extended=True)
        self._session.start()
        self.steps.append("opened")
        return self

    async def drop(self) -> None:
        """The connection breaks: whatever was on its way is lost."""
        session, self._session = self._session, None
        if session is not None:
            await session.finish()
            self.steps.append("closed")

    def send(self, kind: str, **fields: Any) -> str:
        """Send a frame. Returns its `event_id`."""
        assert self._session is not None
        event_id = uuid4().hex
        self._session.receive(json.dumps({"type": kind, "event_id": event_id, **fields}))
        return event_id

    def follow(self, conversation_id: str, *, resume: bool = False) -> None:
        known = list(self.numbers)
        live = [place for place, each in enumerate(known) if each not in self.endings]
        known = known[min([*live, max(0, len(known) - NAMED)]) :]
        after = [{"response_id": each, "sequence_number": self.numbers[each]} for each in known]
        self.send("interject:follow", conversation=conversation_id, after=after if resume else [])

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

    def text(self, response_id: str) -> str:
        """The text of a response's messages, in order."""
        return "".join(self._texts_by_item.get(response_id, {}).values())

    # --- frames

    async def _take(self, text: str) -> None:
        frame = json.loads(text)
        self.frames.append(frame)
        self.steps.append(frame)
        self._apply(frame)
        self._changed.set()

    async def _close(self, code: int) -> None:
        self.closed_with = code
        self._changed.set()
        # As a server does, and not here: the session ends tasks of its own, of which this is one.
        self._leaving = asyncio.create_task(self.drop())

    def _apply(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "interject:snapshot":
            self._begin_with(frame)
        elif "response_id" in frame and kind.startswith("response."):
            self._follow_event(frame)

    def _begin_with(self, snapshot: dict[str, Any]) -> None:
        for response in snapshot["responses"]:
            response_id = response["id"]
            self.numbers[response_id] = response["sequence_number"]
            self.parents[response_id] = response["previous_response_id"]
            self._texts_by_item[response_id] = {}
            if response["status"] not in ("queued", "in_progress"):
                self.endings[response_id] = response
        for item in snapshot["items"]:
            if item["direction"] == "output" and item["type"] == "message":
                said = "".join(part.get("text", "") for part in item["content"])
                self._texts_by_item[item["response_id"]][item["id"]] = said

    def _follow_event(self, event: dict[str, Any]) -> None:
        response_id, number = event["response_id"], event["sequence_number"]
        expected = self.numbers.get(response_id, -1) + 1
        assert number == expected, f"{response_id}: {number} came where {expected} was next"
        self.numbers[response_id] = number
        texts = self._texts_by_item.setdefault(response_id, {})
        if event["type"] == "response.created":
            self.parents[response_id] = event["response"]["previous_response_id"]
        elif event["type"] == "response.output_text.delta":
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
        elif event["type"] in TERMINAL:
            self.endings[response_id] = event["response"]
        if self.acknowledges and self._session is not None:
            self.acknowledge(response_id)


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
