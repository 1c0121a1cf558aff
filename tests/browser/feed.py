"""A wire of the tests' own, for what a provider seldom says: exact events, cut as a test likes."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from playwright.async_api import Page, WebSocketRoute

CONVERSATION = "conv_" + "0" * 32
PATIENCE_SECONDS = 15


class Feed:
    """Answers a follow with a snapshot, then says what it is told to."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self._socket: WebSocketRoute | None = None
        self._heard = asyncio.Event()
        self._numbers: dict[str, int] = {}

    async def attach(self, page: Page) -> None:
        await page.route_web_socket("**/v1/responses?interject=1", self._connect)
        await page.route("**/conversations", self._create)

    async def _create(self, route: Any) -> None:
        await route.fulfill(json={"id": CONVERSATION, "title": ""})

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._hear)

    def _hear(self, text: str | bytes) -> None:
        frame = json.loads(text)
        self.received.append(frame)
        self._heard.set()
        if frame["type"] == "interject:follow":
            conversation = {"id": CONVERSATION, "title": "Fed", "shown": None}
            self.send(
                "interject:snapshot",
                event_id=frame["event_id"], conversation=conversation, responses=[], items=[],
                queued=[], feedback=[],
            )  # fmt: skip

    async def heard(self, done: Callable[[], bool]) -> None:
        """Wait until what the page has said makes it so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not done():
                self._heard.clear()
                await self._heard.wait()

    def send(self, kind: str, **fields: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps({"type": kind, **fields}))

    def event(self, response_id: str, kind: str, **fields: Any) -> None:
        number = self._numbers.get(response_id, -1) + 1
        self._numbers[response_id] = number
        self.send(kind, response_id=response_id, sequence_number=number, **fields)

    async def begin(self, response_id: str, parent: str | None = None) -> None:
        """Begin an answer. The first one is that to the page's first prompt."""
        await self.heard(lambda: bool(self.prompts()))
        event_id = None if self._numbers else self.prompts()[0]["event_id"]
        response = {"id": response_id, "status": "in_progress", "previous_response_id": parent}
        prompt = {
            "id": f"msg_in_{response_id}", "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "Say it"}],
        }  # fmt: skip
        interject = {"event_id": event_id, "input": [prompt]}
        created = {**response, "interject": interject}
        self.event(response_id, "response.created", response=created)
        self.event(response_id, "response.in_progress", response=response)
        self.open_item(response_id)

    def prompts(self) -> list[dict[str, Any]]:
        return [frame for frame in self.received if frame["type"] == "response.create"]

    def open_item(self, response_id: str) -> None:
        item = {"id": f"msg_{response_id}", "type": "message", "role": "assistant"}
        self.event(
            response_id, "response.output_item.added",
            output_index=0, item={**item, "status": "in_progress", "content": []},
        )  # fmt: skip

    def say(self, response_id: str, delta: str) -> None:
        self.event(
            response_id, "response.output_text.delta",
            item_id=f"msg_{response_id}", output_index=0, content_index=0, delta=delta,
        )  # fmt: skip

    def end(self, response_id: str, text: str, status: str = "completed") -> None:
        item = {
            "id": f"msg_{response_id}", "type": "message", "role": "assistant", "status": status,
            "content": [{"type": "output_text", "text": text}],
        }  # fmt: skip
        self.event(response_id, "response.output_item.done", output_index=0, item=item)
        self.event(
            response_id, f"response.{status}", response={"id": response_id, "status": status}
        )

    async def answer(self, response_id: str, cuts: Iterable[str]) -> None:
        pieces = list(cuts)
        await self.begin(response_id)
        for piece in pieces:
            self.say(response_id, piece)
        self.end(response_id, "".join(pieces))
