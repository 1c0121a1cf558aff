"""The frames that wait to be sent on one connection. Knows how much they are, not what."""

from collections import deque


class WaitingFrames:
    """A queue. `chars` is what all of it is together: bytes of UTF-8, near enough."""

    def __init__(self) -> None:
        self.chars = 0
        self._frames: deque[str] = deque()

    def __bool__(self) -> bool:
        return bool(self._frames)

    def put(self, frame: str) -> None:
        self._frames.append(frame)
        self.chars += len(frame)

    def take(self) -> str:
        """The one that has waited longest."""
        frame = self._frames.popleft()
        self.chars -= len(frame)
        return frame

    def clear(self) -> None:
        self._frames.clear()
        self.chars = 0
