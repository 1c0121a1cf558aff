"""Ends a read that takes too long. Knows one task and a clock; not what is read, nor why."""

import asyncio


class Watch:
    """A deadline for whoever reads, moved at every batch for the price of an assignment.

    `asyncio.timeout` around every read would set and cancel a timer for each token. Here one timer
    runs, looks at the deadline when it fires, and sets itself again if that has moved. While nobody
    reads (the reader hands its batch on, and waits for who is slow) only the total time counts,
    and is looked at when the next read starts.
    """

    __slots__ = ("_cancelling", "_deadline", "_ends_at", "_loop", "_task", "_timer", "rang")

    def __init__(self, total_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + total_seconds
        self._deadline = self._ends_at
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._timer: asyncio.TimerHandle | None = None
        self.rang = False

    def start(self, seconds: float | None = None) -> None:
        """The current task reads from now on, for at most so long (None: the deadline stays).

        Raises TimeoutError when the total time is over already: a read that never has to wait
        would never be interrupted.
        """
        now = self._loop.time()
        if now >= self._ends_at:
            raise TimeoutError
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        if seconds is not None:
            self._deadline = min(now + seconds, self._ends_at)
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()

    def end_within(self, seconds: float) -> None:
        """Bring the total time forward. Only ever forward: asking again does not put it off."""
        self._ends_at = min(self._ends_at, self._loop.time() + seconds)
        self._deadline = min(self._deadline, self._ends_at)
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()

    def pause(self) -> None:
        """Nobody reads."""
        self._task = None

    def stop(self) -> None:
        """The end: the timer goes too."""
        self._task = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def claims(self) -> bool:
        """Whether the CancelledError just caught is this watch's alone. Takes it back if so.

        As in `asyncio.timeout`: somebody else's cancellation at the same moment wins.
        """
        if not self.rang:
            return False
        task = asyncio.current_task()
        return task is not None and task.uncancel() <= self._cancelling

    @property
    def over_all(self) -> bool:
        """Whether it is the total time that has passed."""
        return self._loop.time() >= self._ends_at

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        self.rang = True
        self._task.cancel()
        self._task = None
