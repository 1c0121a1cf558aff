"""The pulse: keep, then show.

Each process that runs responses has one. It takes what every run gathered, appends all of it in
one statement, and only then lets the bus have it. At once when it was idle; otherwise no more often
than its interval (`pace`), which is what makes many deltas few events. First words do not wait for
that.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

import psycopg

from chat.database import UNREACHABLE, Pool
from chat.engine import log
from chat.engine.pace import Pace
from chat.protocol.batch import Batch

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
SHORTEST_SECONDS = 0.001
# First words of a crowd are kept together as well, only sooner.
FIRST_WORD_SECONDS = 0.01
# Postgres will never take it. A limit that it names is an OperationalError, like a lost connection.
REFUSED = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


class Keeping(Protocol):
    """A run, as the pulse sees it."""

    response_id: str
    attempt: int

    def freeze(self) -> Batch | None:
        """The batch that is to be kept: the one that is frozen already, or what was gathered."""
        ...

    def kept(self) -> None:
        """The frozen batch is in the log."""
        ...

    def fenced(self) -> None:
        """Another attempt owns the response: stop at once."""
        ...

    def refused(self, error: Exception) -> None:
        """Postgres refuses this very batch, and always will."""
        ...


class Pulse:
    """One task that keeps the events of every run of this process.

    `interval` is in seconds, and the shortest. `show` is called with what was kept, in order, and
    must not block.
    """

    def __init__(
        self, pool: Pool, owner: str, show: Callable[[Sequence[Batch]], None], interval: float
    ) -> None:
        self._pool = pool
        self._owner = owner
        self._show = show
        self._pace = Pace(interval)
        self._runs: dict[str, Keeping] = {}
        self._wake = asyncio.Event()
        self._turns: list[asyncio.Future[None]] = []
        self._beginning: dict[str, Keeping] = {}
        self._begin = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat(), name="pulse")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, run: Keeping) -> None:
        self._runs[run.response_id] = run

    def remove(self, run: Keeping) -> None:
        self._runs.pop(run.response_id, None)

    def wake(self) -> None:
        """There is something to keep."""
        self._wake.set()

    def begin(self, run: Keeping) -> None:
        """The run has its first word, for which somebody waits: it does not wait for the beat."""
        self._beginning[run.response_id] = run
        self._begin.set()
        self.wake()

    def turn(self) -> asyncio.Future[None]:
        """Done at the next beat, in time for it.

        Nobody sees a token before the next beat: a run that reads upstream once a beat, and not at
        each token, pays once for waking up, reading and decoding.
        """
        turn = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        return turn

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        took, looked_at = time.process_time(), loop.time()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            await self._try(self._keep_what_was_gathered())
            due = max(loop.time(), began + self._pace.seconds)
            await self._keep_first_words(due)
            took_before, took = took, time.process_time()
            looked_before, looked_at = looked_at, loop.time()
            busy = (took - took_before) / max(looked_at - looked_before, SHORTEST_SECONDS)
            self._pace.learn(busy, looked_at - due)

    async def _keep_first_words(self, due: float) -> None:
        """Until the next beat: what begins meanwhile, several at a time, and nothing else."""
        loop = asyncio.get_running_loop()
        while (left := due - loop.time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._begin.wait()
            runs = self._begun()
            if runs:
                await self._try(self._keep_all(runs))
                await asyncio.sleep(min(FIRST_WORD_SECONDS, max(0.0, due - loop.time())))

    def _begun(self) -> list[Keeping]:
        """Who has a first word, of those that run still."""
        begun, self._beginning = self._beginning, {}
        self._begin.clear()
        return [run for name, run in begun.items() if self._runs.get(name) is run]

    async def _keep_what_was_gathered(self) -> None:
        """A beat: first words are in it, so that nobody has to see to them between two."""
        await self._let_read()
        self._begun()
        await self._keep_all(list(self._runs.values()))
        if self._turns:
            self._wake.set()

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        """What failed is held, and kept by a later beat."""
        try:
            await work
        except UNREACHABLE as error:
            logger.warning("Postgres is away, holding what was said: %s", error)
            self._wake.set()
            await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            logger.exception("The pulse missed a beat")
            self._wake.set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _let_read(self) -> None:
        """Have those whose turn it is take in what has come; it is buffered, so none waits."""
        turns, self._turns = self._turns, []
        for turn in turns:
            if not turn.done():
                turn.set_result(None)
        if turns:
            await asyncio.sleep(0)

    async def _keep_all(self, runs: Sequence[Keeping]) -> None:
        batches = [batch for run in runs if (batch := run.freeze())]
        if batches:
            await self._keep(batches)

    async def _keep(self, batches: Sequence[Batch]) -> None:
        """Append; a statement that Postgres refuses is halved until only the culprit fails."""
        try:
            kept = await log.append(self._pool, self._owner, batches)
        except REFUSED as error:
            if len(batches) == 1:
                self._refuse(batches[0], error)
                return
            middle = len(batches) // 2
            await self._keep(batches[:middle])
            await self._keep(batches[middle:])
            return
        doubtful = [batch for batch in batches if batch.response_id not in kept]
        if doubtful:
            kept |= await self._resolve(doubtful)
        self._conclude([batch for batch in batches if batch.response_id in kept])

    async def _resolve(self, batches: Sequence[Batch]) -> set[str]:
        """A row that did not come back is no verdict: read lease and log. Returns those kept."""
        found = await log.standing(self._pool, [batch.response_id for batch in batches])
        kept = set()
        for batch in batches:
            standing = found[batch.response_id]
            if standing.owner != self._owner or standing.attempt != batch.attempt:
                run = self._runs.get(batch.response_id)
                if run is not None and run.attempt == batch.attempt:
                    run.fenced()
            elif standing.last_number >= batch.last_number:
                kept.add(batch.response_id)
            else:
                self._wake.set()  # Locked by somebody for the moment: the same bytes again.
        return kept

    def _conclude(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        self._show(batches)
        for batch in batches:
            run = self._runs.get(batch.response_id)
            if run is not None:
                run.kept()

    def _refuse(self, batch: Batch, error: Exception) -> None:
        run = self._runs.get(batch.response_id)
        if run is not None:
            run.refused(error)
