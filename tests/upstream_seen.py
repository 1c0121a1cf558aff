"""What the tests' upstream has seen of one request, and of the client's leaving."""

import json
import time
from collections.abc import Mapping
from typing import Any

from tests.gate import SECONDS, Gate

NOW = time.monotonic


class Seen:
    """One request, and what became of its answer."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.arrived_at = NOW()
        self.bytes_sent = 0
        self.written: list[bytes] = []
        self.answered_at: float | None = None
        self.closed_at: float | None = None
        self._answered = Gate("the end of the answer")
        self._closed = Gate("the closing by the client")

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body or b"{}")
        assert isinstance(found, dict)
        return found

    @property
    def prompt(self) -> str:
        """The text of the last user message."""
        asked = self.json
        for message in reversed(asked.get("messages") or asked.get("input") or []):
            if message.get("role") == "user":
                content = message["content"]
                if isinstance(content, str):
                    return content
                return "\n".join(part.get("text", "") for part in content)
        return ""

    def wrote(self, piece: bytes) -> None:
        self.bytes_sent += len(piece)
        self.written.append(piece)

    @property
    def said(self) -> str:
        """The text of the answer so far (Chat Completions): what a client may have at most."""
        return "".join(map(_text_of, self.written))

    @property
    def is_open(self) -> bool:
        """Whether its answer is still being given to a client that is still there."""
        return self.answered_at is None and self.closed_at is None

    async def closed(self, seconds: float = SECONDS) -> float:
        """When the connection was closed: by the client, unless the script did it."""
        await self._closed.passed(seconds)
        return self._when(self.closed_at)

    def wait_closed(self, seconds: float = SECONDS) -> float:
        self._closed.wait(seconds)
        return self._when(self.closed_at)

    async def answered(self, seconds: float = SECONDS) -> float:
        """When the whole script was sent."""
        await self._answered.passed(seconds)
        return self._when(self.answered_at)

    def mark_answered(self) -> None:
        self.answered_at = NOW()
        self._answered.open()

    def mark_closed(self) -> None:
        if self.closed_at is None:
            self.closed_at = NOW()
            self._closed.open()

    @staticmethod
    def _when(moment: float | None) -> float:
        assert moment is not None
        return moment


def _text_of(piece: bytes) -> str:
    """What one event says, as a client may understand it; nothing if it is none, or half of one."""
    try:
        (choice,) = json.loads(piece.decode(errors="replace").removeprefix("data: "))["choices"]
        return choice["delta"].get("content") or ""
    except (ValueError, KeyError, TypeError):
        return ""
