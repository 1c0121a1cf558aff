"""What Redis says to a client, value by value, and what mischief is done to some. Pure.

A value of the protocol is bytes here, as it came: it is told apart, and not understood, but for
what pub/sub delivers.
"""

import random

END = b"\r\n"
_LENGTHS = b"$=!"  # Kinds whose first line says how many bytes follow.
_COUNTS = {b"*"[0]: 1, b">"[0]: 1, b"~"[0]: 1, b"%"[0]: 2}  # How many values follow, by how many.
_MESSAGE = b"$7" + END + b"message" + END


def value_end(data: bytes, begin: int = 0) -> int | None:
    """Where the value ends that begins here. None: not all of it is there."""
    line_end = data.find(END, begin)
    if line_end < 0:
        return None
    kind, end = data[begin], line_end + len(END)
    if kind in _LENGTHS:
        length = int(data[begin + 1 : line_end])
        end += length + len(END) if length >= 0 else 0
        return end if end <= len(data) else None
    for _ in range(int(data[begin + 1 : line_end]) * _COUNTS[kind] if kind in _COUNTS else 0):
        inner = value_end(data, end)
        if inner is None:
            return None
        end = inner
    return end


def is_delivery(value: bytes) -> bool:
    """Whether it is a message of a channel, and not an answer to what the client said."""
    return value[:1] in (b"*", b">") and value.find(_MESSAGE) == value.find(END) + len(END)


class Mischief:
    """What becomes of deliveries, by chance, from a seed: lost, doubled, or overtaken by the next.

    `lost`, `doubled` and `overtaken` are out of 1. It counts what it did.
    """

    def __init__(self, seed: int, *, lost: float, doubled: float, overtaken: float) -> None:
        self._chance = random.Random(seed)
        self._odds = {"lost": lost, "doubled": doubled, "overtaken": overtaken}
        self.done = dict.fromkeys(self._odds, 0)

    def chosen(self) -> str | None:
        at = self._chance.random()
        for what, odds in self._odds.items():
            if at < odds:
                self.done[what] += 1
                return what
            at -= odds
        return None


class Deliveries:
    """One connection's bytes from Redis, of which deliveries may suffer mischief."""

    def __init__(self) -> None:
        self._rest = b""
        self._overtaken = b""

    def passed(self, data: bytes, mischief: Mischief | None) -> bytes:
        """What becomes of the bytes that came. The beginning of a value waits for its end."""
        out, begin = bytearray(), 0
        data = self._rest + data
        while (end := value_end(data, begin) if begin < len(data) else None) is not None:
            out += self._value(data[begin:end], mischief)
            begin = end
        self._rest = data[begin:]
        return bytes(out)

    def _value(self, value: bytes, mischief: Mischief | None) -> bytes:
        if not is_delivery(value):
            return value
        before, self._overtaken = self._overtaken, b""
        match mischief and mischief.chosen():
            case "lost":
                value = b""
            case "doubled":
                value += value
            case "overtaken":
                value, self._overtaken = b"", value
        return value + before
