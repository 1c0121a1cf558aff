"""Where responses run: the runs of this process, how they start and how they stop.

A process that runs responses runs those that it took itself; one that does not (a web process with
`CHAT_DISPATCH=worker`) leaves them to whoever claims them first.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from chat.database import Pool
from chat.engine import context, prompt, starting
from chat.engine.bus import Bus
from chat.engine.caching import Caching, Policy
from chat.engine.ephemeral import EphemeralRun
from chat.engine.intent_watch import IntentWatch
from chat.engine.intents import Intent
from chat.engine.leases import NOBODY
from chat.engine.notices import Started, Titled
from chat.engine.prompt import Prompt
from chat.engine.pulse import Pulse
from chat.engine.renewal import Renewal
from chat.engine.run import Run
from chat.engine.switching import Switching
from chat.engine.work import Work
from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.errors import Unavailable
from chat.protocol.events import Ending, ResponseInfo
from chat.protocol.items import Item
from chat.providers.base import ModelRequest, Provider
from chat.providers.catalogue import Catalogue
from chat.providers.silent import SILENT

logger = logging.getLogger(__name__)

STARTS_AT_ONCE = 4
ENDS_AT_ONCE = 3
ENDING_SECONDS = 30.0

Concluded = Callable[[Run, Ending], Awaitable[None]]
Leftovers = Callable[[str, list[Intent]], Coroutine[Any, Any, None]]


class Dispatcher:
    """The runs of this process. `hosted`: those that are not stored.

    `vital` is the pool for what must not wait behind readers. `concurrency`: how many stored
    responses the process runs; None: every one that it takes. 0: none, others do. `cache`: who uses
    the cache of answers; None: nobody.

    `conclude` writes a run's end and starts what follows it; `leftovers` sees to intents
    whose response has ended. Both belong to `Succession`, which begins successors by itself.
    `on_room` is called when a run has ended.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        vital: Pool,
        owner: str,
        pulse: Pulse,
        bus: Bus,
        catalogue: Catalogue,
        lease_seconds: float,
        concurrency: int | None = None,
        cache: Policy | None = None,
    ) -> None:
        self.runs: dict[str, Run] = {}
        self.hosted: set[EphemeralRun] = set()
        self.conclude: Concluded
        self.leftovers: Leftovers
        self.on_room: Callable[[], None] = lambda: None
        self._work = Work()
        self.spawn = self._work.spawn  # What a drain waits for.
        self.clock = time.time
        self.pool = pool
        self.owner = owner
        self._concurrency = concurrency
        self._pulse = pulse
        self._bus = bus
        self._catalogue = catalogue
        self._lease_seconds = lease_seconds
        self._renewal = Renewal(vital, owner, self.runs, lease_seconds)
        self._switching = Switching(pool, owner, bus, self.spawn)
        self.caching = Caching(pool, cache, self.spawn)
        self._watch = IntentWatch(vital, owner, self.runs, self._late)
        # Each takes one connection of the pool at a time: readers do not wait behind a crowd of
        # starts. And of a crowd the first are answered first, instead of all at the same, late
        # moment.
        self.starting = asyncio.Semaphore(STARTS_AT_ONCE)
        self.ending = asyncio.Semaphore(ENDS_AT_ONCE)
        self.is_draining = self._ending = False
        self._timers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._timers = [
            asyncio.create_task(self._watch.repeat(), name="intents"),
            asyncio.create_task(self._renewal.repeat(), name="leases"),
        ]

    async def stop(self, grace_seconds: float) -> None:
        """Take no more; let what runs finish within the grace; then end it as interrupted."""
        self.take_no_more()
        await self._work.let_finish(grace_seconds)
        self._ending = True
        running: list[Run | EphemeralRun] = [*self.runs.values(), *self.hosted]
        for run in running:
            run.interrupt()
        await self._work.finish(ENDING_SECONDS)
        if self._work:
            logger.error("%d responses could not be ended: others will", len(self._work))
        self._work.give_up()
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    def take_no_more(self) -> None:
        self.is_draining = True

    def hurry(self) -> None:
        """Let a drain wait no longer."""
        self._work.hurry()

    # --- starting

    async def dispatch(self, asked: Prompt) -> ResponseInfo | None:
        """Start a response of its own. None: what it claims was not to be had; look again.

        Whoever asks may be cancelled meanwhile, as a connection closes: what was committed runs.
        """
        self._must_take_more()
        name = f"start in {asked.conversation_id}"
        return await asyncio.shield(self.spawn(self._dispatch(asked), name))

    async def _dispatch(self, asked: Prompt) -> ResponseInfo | None:
        opening = self.opening(asked)
        opened = await starting.start_surely(self.pool, opening, self._lease_seconds)
        if opened is None:
            return None
        self.launch(asked, opening, opened)
        return opening.info

    def opening(self, asked: Prompt) -> starting.Opening:
        """What `starting.start` writes of a response. Nothing runs before `launch`."""
        return prompt.opening(
            asked,
            prompt.describe(asked, self.clock(), store=True),
            owner=NOBODY if self._concurrency == 0 else self.owner,
            lease_seconds=self._lease_seconds,
            provider=self.provider_for(asked).name,
        )

    def launch(self, asked: Prompt, opening: starting.Opening, opened: starting.Opened) -> None:
        """What was begun is committed: show it, and run it or have it run."""
        info = opening.info
        assert info.conversation_id is not None
        self._bus.tell(
            Started(
                info.conversation_id,
                info.id,
                list(asked.connection_ids),
                list(asked.event_ids),
                asked.parent_id,
                opening.owner,
            )
        )
        self._bus.show([opening.first_batch])
        if opened.title:
            self._bus.tell(Titled(info.conversation_id, opened.title))
        if opening.owner == NOBODY:
            return

        async def load() -> ModelRequest:
            return await context.of_prompt(self.pool, run, asked)

        run = self.new_run(
            info=info,
            attempt=1,
            generates=asked.generate,
            load_request=load,
            next_number=opening.first_batch.last_number + 1,
        )
        self.spawn(self.run(run))

    def new_run(self, *, info: ResponseInfo, generates: bool, **rest: Any) -> Run:
        """A run of this process. `rest`: what else `Run` wants to know of it."""
        provider = self._provider_of(info.model, generates=generates)
        return Run(
            info=info,
            provider=self.caching.before(provider, info) if generates else provider,
            pulse=self._pulse,
            clock=self.clock,
            finish=self.conclude,
            on_switch=self._switching.happened,
            **rest,
        )

    async def host(
        self, run: EphemeralRun, opening: list[dict[str, Any]]
    ) -> tuple[Ending, list[Item]]:
        """Run what is not stored, for a connection that waits for it."""
        self._must_take_more()
        self.hosted.add(run)
        try:
            return await self.spawn(run.main(opening))
        finally:
            self.hosted.discard(run)

    def abandon(self, conversation_id: str) -> None:
        """The conversation is gone: close the upstreams of its runs, and keep nothing of them."""
        for run in list(self.runs.values()):
            if run.conversation_id == conversation_id:
                run.fenced()

    def _must_take_more(self) -> None:
        if self.is_draining:
            raise Unavailable("shutting_down", "The service restarts. Try again in a moment.")

    def provider_for(self, asked: Prompt) -> Provider:
        return self._provider_of(asked.model, generates=asked.generate)

    def _provider_of(self, model: str, *, generates: bool) -> Provider:
        return self._catalogue.provider_of(model) if generates else SILENT

    async def run(self, run: Run) -> None:
        """Run it to its end, whatever happens."""
        if self._ending:
            run.interrupt()
        self.runs[run.response_id] = run
        try:
            await run.main()
        except Exception:
            logger.exception("The run of %s broke", run.response_id)
            await self._end_broken(run)
        finally:
            if self.runs.get(run.response_id) is run:  # Not that of a later attempt.
                del self.runs[run.response_id]
            self._watch.remember(run.response_id)
            if self._concurrency:
                self.on_room()

    async def _end_broken(self, run: Run) -> None:
        """Whatever went wrong, the response does not stay open, or prompts would wait behind it."""
        run.disown_output()
        error = {"code": "server_error", "message": "The service failed while answering."}
        ending = Ending(status=lifecycle.FAILED, error=error, ended_at=self.clock())
        try:
            await self.conclude(run, ending)
        except Exception:
            logger.exception("%s could not be ended", run.response_id)

    def renew_now(self) -> None:
        """What runs here is not dead, though it may look so."""
        self._renewal.renew_now()

    def look_for(self, response_id: str) -> None:
        """A hint: somebody wants something of a response."""
        if response_id in self.runs:
            self._watch.look_now()

    def latest(self, conversation_id: str) -> list[Batch]:
        """What was kept last of each response of the conversation that runs here."""
        runs = [run for run in self.runs.values() if run.conversation_id == conversation_id]
        return [run.latest for run in runs if run.latest is not None]

    @property
    def room(self) -> int | None:
        """How many responses more may run here. None: any number."""
        if self.is_draining:
            return 0
        if self._concurrency is None:
            return None
        return max(0, self._concurrency - len(self.runs))

    def _late(self, response_id: str, too_late: list[Intent]) -> asyncio.Task[None]:
        return self.spawn(self.leftovers(response_id, too_late))
