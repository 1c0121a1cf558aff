"""What a client may say: frames become commands here, once, and are typed afterwards.

Liberal in what is taken: neutral values are never refused, hints are kept, our own extras come back
and are dropped. What would be silently without effect is refused by its name.
"""

from typing import Any

import msgspec

from chat.protocol import ids, items
from chat.protocol.creation import Creation, parse_creation
from chat.protocol.errors import BadRequest, WireError

MAX_CURSORS = 200
MAX_COMMENT_CHARS = 4_000
MAX_TAGS = 10
MAX_TAG_CHARS = 40


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A frame, read. `event_id` as the client gave it."""

    event_id: str | None = None


class Create(Command, frozen=True, kw_only=True):
    creation: Creation
    stream_id: str | None = None


class Steer(Command, frozen=True, kw_only=True):
    """`given` is the input as it came, to be given back if it cannot be used."""

    previous_response_id: str
    items: list[dict[str, Any]]
    given: Any


class Cancel(Command, frozen=True, kw_only=True):
    response_id: str | None
    target_event_id: str | None


class Cursor(msgspec.Struct, frozen=True):
    response_id: str
    sequence_number: int


class Follow(Command, frozen=True, kw_only=True):
    conversation: str
    after: tuple[Cursor, ...]


class Unfollow(Command, frozen=True, kw_only=True):
    conversation: str


class Ack(Command, frozen=True, kw_only=True):
    response_id: str
    sequence_number: int


class Feedback(Command, frozen=True, kw_only=True):
    response_id: str | None
    item_id: str | None
    rating: int
    tags: list[str]
    comment: str


class Dequeue(Command, frozen=True, kw_only=True):
    target_event_id: str


class Typing(Command, frozen=True, kw_only=True):
    conversation: str


class Processed(Command, frozen=True, kw_only=True):
    """A client's word that it read a response to its end. Nothing follows from it."""


class BadSteer(BadRequest):
    """A steer that cannot be used: `response.steer.failed` gives its input back."""

    def __init__(self, code: str, message: str, previous_response_id: str, given: Any) -> None:
        super().__init__(code, message, param="input")
        self.previous_response_id = previous_response_id
        self.given = given

    @classmethod
    def of(cls, error: WireError, steer: Steer) -> "BadSteer":
        """The failure of a steer, whatever the reason was."""
        if isinstance(error, cls):
            return error
        failed = cls(error.code, error.message, steer.previous_response_id, steer.given)
        failed.type, failed.status = error.type, error.status
        return failed


class Fields:
    """A frame whose fields are asked for by name and type."""

    def __init__(self, frame: dict[str, Any]) -> None:
        self._frame = frame

    def string(self, name: str, max_chars: int = ids.MAX_ID_CHARS) -> str:
        value = self.optional_string(name, max_chars)
        if not value:
            raise BadRequest("missing_required_parameter", f"'{name}' is missing.", param=name)
        return value

    def optional_string(self, name: str, max_chars: int = ids.MAX_ID_CHARS) -> str | None:
        value = self._frame.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequest("invalid_type", f"'{name}' must be a string.", param=name)
        if len(value) > max_chars:
            raise BadRequest(
                "invalid_value",
                f"'{name}' is longer than {max_chars} characters.",
                param=name,
            )
        return value

    def integer(self, name: str) -> int:
        value = self._frame.get(name)
        if value is None:
            raise BadRequest("missing_required_parameter", f"'{name}' is missing.", param=name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest("invalid_type", f"'{name}' must be an integer.", param=name)
        return value

    def raw(self, name: str) -> Any:
        return self._frame.get(name)


def parse(frame: dict[str, Any]) -> Command:
    """A decoded frame as a command. Raises `BadRequest` with a code and the field at fault."""
    fields = Fields(frame)
    kind = fields.optional_string("type", 100)
    if kind is None:
        raise BadRequest("missing_required_parameter", "'type' is missing.", param="type")
    parser = _PARSERS.get(kind)
    if parser is None:
        raise BadRequest("unknown_type", f"There are no frames of type {kind!r}.", param="type")
    command: Command = parser(fields, frame, fields.optional_string("event_id"))
    return command


def _create(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Create:
    stream_id = fields.optional_string("stream_id")
    body = {name: v for name, v in frame.items() if name not in ("type", "event_id", "stream_id")}
    if body.pop("background", None):
        raise BadRequest(
            "unsupported_parameter",
            "A socket runs nothing in the background; what is stored goes on when it closes.",
            param="background",
        )
    if body.pop("stream", None) is False:
        raise BadRequest("unsupported_parameter", "A socket always streams.", param="stream")
    return Create(event_id=event_id, stream_id=stream_id, creation=parse_creation(body))


def _steer(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Steer:
    response_id = fields.string("previous_response_id")
    given = frame.get("input")
    try:
        messages = items.parse_steer_input(given)
    except BadRequest as error:
        raise BadSteer("invalid_input", error.message, response_id, given) from None
    return Steer(event_id=event_id, previous_response_id=response_id, items=messages, given=given)


def _cancel(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Cancel:
    response_id = fields.optional_string("response_id")
    target = fields.optional_string("target_event_id")
    if not response_id and not target:
        raise BadRequest(
            "missing_required_parameter",
            "'response_id' is missing.",
            param="response_id",
        )
    return Cancel(event_id=event_id, response_id=response_id, target_event_id=target)


def _follow(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Follow:
    after = frame.get("after") or []
    if not isinstance(after, list) or len(after) > MAX_CURSORS:
        raise BadRequest(
            "invalid_type",
            f"'after' must be a list of up to {MAX_CURSORS} cursors.",
            param="after",
        )
    cursors = []
    for index, cursor in enumerate(after):
        if not isinstance(cursor, dict):
            raise BadRequest("invalid_type", "A cursor is an object.", param=f"after[{index}]")
        place = Fields(cursor)
        cursors.append(Cursor(place.string("response_id"), place.integer("sequence_number")))
    return Follow(
        event_id=event_id,
        conversation=fields.string("conversation"),
        after=tuple(cursors),
    )


def _ack(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Ack:
    return Ack(
        event_id=event_id,
        response_id=fields.string("response_id"),
        sequence_number=fields.integer("sequence_number"),
    )


def _feedback(fields: Fields, frame: dict[str, Any], event_id: str | None) -> Feedback:
    response_id = fields.optional_string("response_id")
    item_id = fields.optional_string("item_id")
    if not response_id and not item_id:
        raise BadRequest(
            "missing_required_parameter",
            "'response_id' or 'item_id' is missing.",
            param="response_id",
        )
    rating = fields.integer("rating")
    if rating not in (-1, 0, 1):
        raise BadRequest("invalid_value", "'rating' must be 1, 0 or -1.", param="rating")
    return Feedback(
        event_id=event_id,
        response_id=response_id,
        item_id=item_id,
        rating=rating,
        tags=_tags(frame.get("tags")),
        comment=fields.optional_string("comment", MAX_COMMENT_CHARS) or "",
    )


def _tags(value: Any) -> list[str]:
    tags = value or []
    if (
        not isinstance(tags, list)
        or len(tags) > MAX_TAGS
        or not all(isinstance(tag, str) and len(tag) <= MAX_TAG_CHARS for tag in tags)
    ):
        raise BadRequest(
            "invalid_value",
            f"'tags' are up to {MAX_TAGS} strings of up to {MAX_TAG_CHARS} characters.",
            param="tags",
        )
    return tags


_PARSERS: dict[str, Any] = {
    "response.create": _create,
    "response.steer": _steer,
    "response.processed": lambda fields, frame, event_id: Processed(event_id=event_id),
    "interject:cancel": _cancel,
    "interject:follow": _follow,
    "interject:unfollow": lambda fields, frame, event_id: Unfollow(
        event_id=event_id, conversation=fields.string("conversation")
    ),
    "interject:ack": _ack,
    "interject:feedback": _feedback,
    "interject:dequeue": lambda fields, frame, event_id: Dequeue(
        event_id=event_id, target_event_id=fields.string("target_event_id")
    ),
    "interject:typing": lambda fields, frame, event_id: Typing(
        event_id=event_id, conversation=fields.string("conversation")
    ),
}
