"""Where responses run: the runs of this process, their leases, and the wishes that concern them.

`CHAT_DISPATCH=inline`: the process that took the prompt runs it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from chat.database import Pool
from chat.engine import intents, log, prompt, records
from chat.engine.bus import Bus
from chat.engine.ephemeral import EphemeralRun
from chat.engine.intents import Intent
from chat.engine.leases import Renewal
from chat.engine.notices import Started, Titled
from chat.engine.prompt import Prompt
from chat.engine.pulse import UNREACHABLE, Pulse
from chat.engine.run import Run
from chat.protocol import lifecycle, transcript
from chat.protocol.errors import Unavailable
from chat.protocol.events import Ending, ResponseInfo
from chat.protocol.items import Item
from chat.providers.base import ModelRequest, Provider
from chat.providers.catalogue import Catalogue
from chat.providers.silent import SILENT
from chat.queries import branch_items

logger = logging.getLogger(__name__)

INTENT_SECONDS = 0.1
RETRY_SECONDS = 0.25
STARTS_AT_ONCE = 4
ENDS_AT_ONCE = 3
REMEMBERED_ENDS = 200

Done = TypeVar("Done")
Concluded = Callable[[Run, Ending], Awaitable[None]]
Leftovers = Callable[[str, list[Intent]], Awaitable[None]]


class Dispatcher:
    """The runs of this process. `hosted`: those that are not stored.

    `conclude` writes a run's end and starts what follows it; `leftovers` sees to wishes
    whose response has ended. Both belong to `Succession`, which begins successors by itself.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        owner: str,
        pulse: Pulse,
        bus: Bus,
        catalogue: Catalogue,
        lease_seconds: float,
    ) -> None:
        self.runs: dict[str, Run] = {}
        self.hosted: set[EphemeralRun] = set()
        self.conclude: Concluded
        self.leftovers: Leftovers
        self.clock = time.time
        self.pool = pool
        self.owner = owner
        self._pulse = pulse
        self._bus = bus
        self._catalogue = catalogue
        self._lease_seconds = lease_seconds
        self._renewal = Renewal(pool, owner, self.runs, lease_seconds)
        self._ended: deque[str] = deque(maxlen=REMEMBERED_ENDS)
        # Each takes one connection of the pool at a time: the pulse and the wishes never wait for
        # one behind a crowd of starts. And of a crowd the first are answered first, instead of all
        # at the same, late moment.
        self.starting = asyncio.Semaphore(STARTS_AT_ONCE)
        self.ending = asyncio.Semaphore(ENDS_AT_ONCE)
        self._draining = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: list[asyncio.Task[None]] = []
        self._look_now = asyncio.Event()
        self._hurry = asyncio.Event()

    def start(self) -> None:
        self._timers = [
            asyncio.create_task(self._see_to_intents(), name="intents"),
            asyncio.create_task(self._renewal.repeat(), name="leases"),
        ]

    async def stop(self, grace_seconds: float) -> None:
        """Take no more; let what runs finish within the grace; then end it as interrupted."""
        self._draining = True
        await self._let_finish(grace_seconds)
        for run in list(self.runs.values()):
            run.interrupt()
        for hosted in list(self.hosted):
            hosted.interrupt()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    async def _let_finish(self, grace_seconds: float) -> None:
        """Wait for what runs, for the grace to pass, or to be hurried."""

        async def finished() -> None:
            while self._tasks:  # A successor may follow what ends. `wait` cancels none of them.
                await asyncio.wait(set(self._tasks))

        waiting = [asyncio.ensure_future(finished()), asyncio.ensure_future(self._hurry.wait())]
        await asyncio.wait(waiting, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()

    def hurry(self) -> None:
        """Let a drain wait no longer."""
        self._hurry.set()

    # --- starting

    async def dispatch(self, asked: Prompt) -> ResponseInfo | None:
        """Start a response of its own. None: what it claims was not to be had; look again.

        Whoever asks may be cancelled meanwhile, as a connection closes: what was committed runs.
        """
        self._must_take_more()
        return await asyncio.shield(self._spawn(self._dispatch(asked)))

    async def _dispatch(self, asked: Prompt) -> ResponseInfo | None:
        opening = self.opening(asked)
        was_sent = False
        try:
            async with self.pool.connection() as connection:
                was_sent = True
                opened = await records.start(connection, opening)
        except UNREACHABLE:
            if not was_sent or not await self._was_opened(opening):
                raise
            opened = records.Opened(None)
        if opened is None:
            return None
        self.launch(asked, opening, opened)
        return opening.info

    async def _was_opened(self, opening: records.Opening) -> bool:
        """Whether a start whose answer was lost was committed.

        Raises `TimeoutError` when nobody could say for as long as the lease would have lasted.
        """
        response_id = opening.info.id
        async with asyncio.timeout(self._lease_seconds):
            while True:
                try:
                    found = await log.standing(self.pool, [response_id])
                    return found[response_id].owner == self.owner
                except UNREACHABLE as error:
                    logger.warning("Postgres is away, a start waits: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)

    def opening(self, asked: Prompt) -> records.Opening:
        """What `records.start` writes of a response. Nothing runs before `launch`."""
        return prompt.opening(
            asked,
            prompt.describe(asked, self.clock(), store=True),
            owner=self.owner,
            lease_seconds=self._lease_seconds,
            provider=self.provider_for(asked).name,
        )

    def launch(self, asked: Prompt, opening: records.Opening, opened: records.Opened) -> Run:
        """What was begun is committed: show it, and run it."""
        info = opening.info
        assert info.conversation_id is not None

        async def load() -> ModelRequest:
            return await self._load(run, asked)

        run = Run(
            info=info,
            attempt=1,
            provider=self.provider_for(asked),
            load_request=load,
            pulse=self._pulse,
            clock=self.clock,
            next_number=opening.first_batch.last_number + 1,
            finish=self.conclude,
        )
        self.runs[info.id] = run
        self._bus.announce(
            Started(
                info.conversation_id,
                info.id,
                list(asked.connection_ids),
                list(asked.event_ids),
                asked.parent_id,
            )
        )
        self._bus.show([opening.first_batch])
        if opened.title:
            self._bus.announce(Titled(info.conversation_id, opened.title))
        self._spawn(self._main(run))
        return run

    async def host(
        self, run: EphemeralRun, opening: list[dict[str, Any]]
    ) -> tuple[Ending, list[Item]]:
        """Run what is not stored, for a connection that waits for it."""
        self._must_take_more()
        self.hosted.add(run)
        try:
            return await self._spawn(run.main(opening))
        finally:
            self.hosted.discard(run)

    def abandon(self, conversation_id: str) -> None:
        """The conversation is gone: close the upstreams of its runs, and keep nothing of them."""
        for run in list(self.runs.values()):
            if run.conversation_id == conversation_id:
                run.fenced()

    def _spawn(self, work: Coroutine[Any, Any, Done]) -> asyncio.Task[Done]:
        """Work that a drain waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _must_take_more(self) -> None:
        if self._draining:
            raise Unavailable("shutting_down", "The service restarts. Try again in a moment.")

    def provider_for(self, asked: Prompt) -> Provider:
        return self._catalogue.provider_of(asked.model) if asked.generate else SILENT

    async def _main(self, run: Run) -> None:
        try:
            await run.main()
        except Exception:
            logger.exception("The run of %s broke", run.response_id)
        finally:
            self.runs.pop(run.response_id, None)
            self._ended.append(run.response_id)

    async def _load(self, run: Run, asked: Prompt) -> ModelRequest:
        before = await self._branch(asked.parent_id) if asked.parent_id else []
        items = transcript.context([*before, *asked.context, *asked.items])
        instructions = asked.request.get("instructions") or ""
        run.input_chars = transcript.chars(items) + len(instructions)
        return prompt.model_request(run.info, items)

    async def _branch(self, parent_id: str) -> list[dict[str, Any]]:
        while True:
            try:
                return await branch_items(self.pool, parent_id)
            except UNREACHABLE as error:
                logger.warning("Postgres is away, a response waits for its context: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    # --- wishes

    def look_for(self, response_id: str) -> None:
        """A hint: somebody wants something of a response."""
        if response_id in self.runs:
            self._look_now.set()

    async def _see_to_intents(self) -> None:
        while True:
            try:
                async with asyncio.timeout(INTENT_SECONDS):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            try:
                ended_here = tuple(self._ended)
                await self._see_to_all(await intents.pending(self.pool, self.owner, ended_here))
            except UNREACHABLE as error:
                logger.warning("Postgres is away, wishes wait: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("A wish could not be seen to")
                await asyncio.sleep(RETRY_SECONDS)

    async def _see_to_all(self, wishes: list[Intent]) -> None:
        late: dict[str, list[Intent]] = {}
        for intent in wishes:
            run = self.runs.get(intent.response_id)
            if run is None:
                if intent.status not in lifecycle.LIVE:
                    late.setdefault(intent.response_id, []).append(intent)
            elif intent.kind == intents.CANCEL:
                run.cancel(intent.payload)
            else:
                run.steer(intent)
        for response_id, group in late.items():
            await self.leftovers(response_id, group)
