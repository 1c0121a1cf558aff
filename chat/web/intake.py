"""Frames as they come in: not too many, readable, and one of those that there are."""

import hashlib
import time
from typing import Any, NamedTuple

import msgspec
from django.conf import settings

from chat.protocol import requests
from chat.protocol.errors import BadRequest, RateLimited, WireError
from chat.protocol.frames import decode
from chat.protocol.rate import TokenBucket
from chat.protocol.requests import Command
from chat.web.connection import Connection

TOLD_SECONDS = 0.25  # How often a client that sends too much is told so.


class Work(NamedTuple):
    """A command, the size of its frame in bytes, near enough, and its digest if it bore an id."""

    command: Command
    size: int
    event_hash: str | None = None


class Intake:
    """The way in of one connection. What cannot be read is answered here."""

    def __init__(self, connection: Connection) -> None:
        chat = settings.CHAT
        self._connection = connection
        self._told_at = 0.0
        self._bucket = TokenBucket(
            per_second=chat.frames_per_second, burst=chat.frames_burst, now=time.monotonic()
        )

    def read(self, text: str | None) -> Work | None:
        """The work that a frame asks for, or None if it was refused. `text` None: it was binary."""
        if not self._bucket.take(time.monotonic()):
            self._tell_rate()
            return None
        frame: dict[str, Any] = {}
        try:
            if text is None:
                raise BadRequest("invalid_frame", "Frames are text, not binary.")
            frame = decode(text, settings.CHAT.max_frame_bytes)
            if str(frame.get("type", "")).startswith("interject:"):
                self._connection.extended = True
            command = requests.parse(frame)
        except WireError as error:
            named = {name: _id(frame, name) for name in ("event_id", "stream_id", "response_id")}
            self._connection.refuse(error, **named)
            return None
        return Work(command, len(text), _digest(command, frame))

    def _tell_rate(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= TOLD_SECONDS:
            self._told_at = now
            wait = self._bucket.wait()
            self._connection.refuse(
                RateLimited(
                    "rate_limit_exceeded",
                    f"Too many frames: this one was dropped. Try again in {wait:.2f}s.",
                )
            )


def _digest(command: Command, frame: dict[str, Any]) -> str | None:
    """What tells the same frame from another with the same id. The connection's names do not."""
    if command.event_id is None:
        return None
    said = {name: value for name, value in frame.items() if name not in ("event_id", "stream_id")}
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def _id(frame: dict[str, Any], name: str) -> str | None:
    value = frame.get(name)
    return value if isinstance(value, str) and len(value) <= 64 else None
