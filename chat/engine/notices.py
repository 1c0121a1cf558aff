"""What processes tell each other besides events: rare, and never relied upon.

Each may be lost between processes. The tables say the same of what runs, and are asked every
second; of the rest, a client that comes back learns from a snapshot. Versions that run side by side
hear of each other what they know.
"""

from typing import Any, get_args

import msgspec


class Notice(msgspec.Struct, frozen=True, tag_field="kind"):
    """Said to every process. `conversation_id` names whose followers care."""

    conversation_id: str

    def meant_for(self) -> list[str]:
        """Connections that care without following."""
        return []


class Started(Notice, frozen=True, tag="started"):
    """A response began. `connection_ids` get its events without following.

    `owner`: the process that runs it; empty: it waits for one.
    """

    response_id: str
    connection_ids: list[str]
    event_ids: list[str]
    parent_id: str | None = None
    owner: str = ""

    def meant_for(self) -> list[str]:
        return self.connection_ids


class Owned(Notice, frozen=True, tag="owned"):
    """Another process runs the response now, by this attempt. No owner: it waits for one.

    `listeners`: the processes of which the owner knows that they follow.
    """

    response_id: str
    owner: str
    attempt: int
    listeners: list[str] = []


class Switched(Notice, frozen=True, tag="switched"):
    """Another provider took over. `switch`: from, to, reason and when, as the wire has it."""

    response_id: str
    switch: dict[str, Any]


class Ended(Notice, frozen=True, tag="ended"):
    response_id: str
    status: str


class QueueChanged(Notice, frozen=True, tag="queue"):
    """The waiting prompts, in order; and the one that left, with why."""

    queued: list[dict[str, Any]]
    left: str | None = None
    reason: str | None = None
    response_id: str | None = None


class Typing(Notice, frozen=True, tag="typing"):
    user: str
    connection_id: str


class Titled(Notice, frozen=True, tag="title"):
    title: str


class Removed(Notice, frozen=True, tag="removed"):
    """The conversation is gone."""


class SteerHeld(Notice, frozen=True, tag="steer_held"):
    """Steering input that waits for the client's tool outputs."""

    response_id: str
    connection_id: str
    steer_id: str
    required_input: list[dict[str, Any]]

    def meant_for(self) -> list[str]:
        return [self.connection_id]


class SteerFailed(Notice, frozen=True, tag="steer_failed"):
    """Accepted steering input that came to nothing; it is given back."""

    response_id: str
    connection_id: str
    steer_id: str
    given: Any
    code: str
    message: str

    def meant_for(self) -> list[str]:
        return [self.connection_id]


class Intended(Notice, frozen=True, tag="intended"):
    """Somebody wants to cancel or steer the response: whoever runs it, look."""

    response_id: str


AnyNotice = (
    Started
    | Owned
    | Switched
    | Ended
    | QueueChanged
    | Typing
    | Titled
    | Removed
    | SteerHeld
    | SteerFailed
    | Intended
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyNotice)
KINDS = frozenset(each.__struct_config__.tag for each in get_args(AnyNotice))


class _Kind(msgspec.Struct):
    """What tells one notice from another."""

    kind: str


_kind_decoder = msgspec.msgpack.Decoder(_Kind)


def pack(notice: AnyNotice) -> bytes:
    return _encoder.encode(notice)


def unpack(packed: bytes) -> AnyNotice | None:
    """None: a newer version says it, and this one knows nothing of the kind."""
    if _kind_decoder.decode(packed).kind not in KINDS:
        return None
    notice: AnyNotice = _decoder.decode(packed)
    return notice
