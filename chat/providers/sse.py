"""Bytes in any pieces → the data of each server-sent event. Pure: no socket, no clock.

Knows lines, fields and events. Must not know what the data mean, nor that it is JSON or even UTF-8:
a character that was cut in the middle is whole again once its line is.
"""

from chat.providers import failures

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FIELDS_WITHOUT_USE = (b":", b"event:", b"id:", b"retry:")


class EventSplitter:
    """Feed it what was read; it returns the data of every event that is complete by then.

    Lines end in LF or CRLF; several data lines of one event are joined by LF; comments and other
    fields are dropped. `strays` counts lines that no event stream has (HTML, bare JSON). A line,
    or the data of an event, of more than `max_bytes` raises `ProviderError`.
    """

    __slots__ = ("_data", "_max_bytes", "_partial", "strays")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._partial = bytearray()
        self._data: bytes | None = None
        self.strays = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Take what was read; return the data of the events that it completes, oldest first."""
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._partial:
            lines[0] = bytes(self._partial) + lines[0]
            self._partial.clear()
        if rest:
            # A bytearray grows in place: a long line in many small pieces costs what it weighs.
            self._partial += rest
            self._check(len(self._partial))
        return self._events(lines) if lines else []

    def flush(self) -> list[bytes]:
        """What the end of the stream left behind: the last event may lack its blank line."""
        lines = [bytes(self._partial), b""]
        self._partial.clear()
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._add(line)
            elif not line or line == b"\r":
                if self._data is not None:
                    events.append(self._data)
                    self._data = None
            elif not line.startswith(FIELDS_WITHOUT_USE):
                self._stray(line)
        return events

    def _add(self, line: bytes) -> None:
        self._check(len(line))
        start = 6 if line[5:6] == b" " else 5
        value = line[start:-1] if line.endswith(b"\r") else line[start:]
        if self._data is None:
            self._data = value
        else:
            self._check(len(self._data) + len(value))
            self._data += b"\n" + value

    def _stray(self, line: bytes) -> None:
        if line.startswith(BYTE_ORDER_MARK + b"data:"):
            self._add(line[len(BYTE_ORDER_MARK) :])
        else:
            self.strays += 1

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise failures.line_too_long(self._max_bytes)
