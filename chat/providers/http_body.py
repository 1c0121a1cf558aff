"""Where the body of an HTTP/1.1 answer ends (RFC 9112, section 6). Pure.

One of these takes what is read after the head and gives back what of it is body, joined: a read
that holds a hundred chunks is one piece. `ended` says that the body is complete.
"""

import re
from collections.abc import Mapping
from typing import Protocol

MAX_LINE_BYTES = 16 * 1024
MAX_TRAILER_LINES = 100

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class BadFraming(Exception):
    """What came is not framed as HTTP says."""


class Framing(Protocol):
    ended: bool
    excess: bool
    """Whether more came than the body."""

    def feed(self, data: bytes) -> bytes: ...

    def end_of_input(self) -> bool:
        """The connection ended. Whether the body is complete."""
        ...


def framing_of(status: int, headers: Mapping[str, str]) -> Framing:
    """The framing that a head announces."""
    if status in (204, 304):
        return Counted(0)
    if "transfer-encoding" in headers:
        return Chunked()
    if "content-length" in headers:
        return Counted(int(headers["content-length"]))
    return UntilClosed()


class UntilClosed:
    """The body ends with the connection."""

    def __init__(self) -> None:
        self.ended = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        return data

    def end_of_input(self) -> bool:
        self.ended = True
        return True


class Counted:
    """So many bytes."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.ended = size == 0
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        piece = data[: self._left]
        self._left -= len(piece)
        self.ended = self._left == 0
        self.excess = self.excess or len(piece) < len(data)
        return piece

    def end_of_input(self) -> bool:
        return self.ended


class Chunked:
    """Chunks, each after a line with its size; the last is empty, and trailers may follow it."""

    __slots__ = ("_after", "_left", "_line", "_take", "_trailers", "ended", "excess")

    def __init__(self) -> None:
        self._left = 0
        self._line = bytearray()
        self._take = self._take_size
        self._trailers = 0
        self.ended = False
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        pieces = []
        at, size = 0, len(data)
        while at < size and not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            newline = data.find(b"\n", at)
            if newline < 0:
                self._keep(data[at:])
                return b"".join(pieces)
            self._keep(data[at:newline])
            at = newline + 1
            self._take_line()
        self.excess = self.excess or at < size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def end_of_input(self) -> bool:
        return self.ended

    def _keep(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > MAX_LINE_BYTES:
            raise BadFraming("a line between chunks is too long")

    def _take_line(self) -> None:
        line = bytes(self._line).rstrip(b"\r")
        self._line.clear()
        self._take(line)

    def _take_size(self, line: bytes) -> None:
        digits = line.split(b";", 1)[0].strip()
        if _SIZE.fullmatch(digits) is None:
            raise BadFraming("a chunk without a size")
        self._left = int(digits, 16)
        self._take = self._take_end if self._left else self._take_trailer

    def _take_end(self, line: bytes) -> None:
        if line:
            raise BadFraming("a chunk longer than its size")
        self._take = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        self.ended = not line
        self._trailers += 1
        if self._trailers > MAX_TRAILER_LINES:
            raise BadFraming("too many trailers")
