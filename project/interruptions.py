"""Signals that ask the launcher to stop.

A signal becomes `Stopped`, raised where the launcher happens to be: at once, or after what must
not be cut in two (`held`). Once it has been raised, further signals are ignored, so that an
impatient second Ctrl-C does not leave half of the house running.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """Somebody asked for the end. Not an `Exception`: nothing on the way may swallow it."""


class Interruptions:
    def __init__(self) -> None:
        self._held = False
        self._arrived = False

    def catch(self) -> None:
        """Take the signals, or take them back from a server that had handlers of its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._arrive)
        # The terminal was closed. A server knows how to drain on SIGTERM only.
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

    def hold(self) -> None:
        """From here on nothing interrupts."""
        self._held = True
        self.catch()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A piece of work that is done whole, and then interrupted if anybody asked meanwhile.

        Its children may have been hit by the same Ctrl-C: its failure then is no failure.
        """
        self._held = True
        try:
            yield
        finally:
            if self._arrived:
                raise Stopped
            self._held = False

    def _arrive(self, _number: int, _frame: FrameType | None) -> None:
        self._arrived = True
        if not self._held:
            self._held = True
            raise Stopped
