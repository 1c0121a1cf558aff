"""A run's events of one pulse, numbered and encoded: frozen, so that a second try is the same."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from chat.protocol.events import encode_events


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """`text` holds the events `first_number` to `last_number`, one JSON text a line."""

    response_id: str
    conversation_id: str
    attempt: int
    first_number: int
    last_number: int
    text: str

    @property
    def frames(self) -> list[str]:
        return self.text.split("\n")


def freeze(
    response_id: str,
    conversation_id: str,
    attempt: int,
    first_number: int,
    events: Iterable[Mapping[str, Any]],
) -> Batch:
    """Number and encode. There is at least one event."""
    frames = encode_events(response_id, first_number, events)
    return Batch(
        response_id,
        conversation_id,
        attempt,
        first_number,
        first_number + len(frames) - 1,
        "\n".join(frames),
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Batch])


def pack(batches: Sequence[Batch]) -> bytes:
    """Many batches as one message between processes."""
    return _encoder.encode(batches)


def unpack(packed: bytes) -> list[Batch]:
    return _decoder.decode(packed)
