"""What nobody runs is taken: responses that wait for a worker, and those whose owner is gone.

The table of leases decides who gets one; a hint on the bus only makes a process look sooner. What
is taken becomes a run of this process, or is ended by it, or is left to be run anew.
"""

import asyncio
import logging

from chat.database import UNREACHABLE, Pool
from chat.engine import context, leases, prompt, resumption
from chat.engine.answering import Answering
from chat.engine.bus import Bus
from chat.engine.contact import Contact
from chat.engine.dispatcher import Dispatcher
from chat.engine.leases import MAX_TAKEN, NOBODY, Claimed
from chat.engine.notices import Owned
from chat.engine.resumption import Found, Next
from chat.engine.run import Run
from chat.providers.base import ModelRequest

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# By then a first word is mostly on its way, and takes the news of its owner along.
BEHIND_FIRST_WORD_SECONDS = 0.02


class Takeover:
    """`vital` is the pool for what must not wait behind readers."""

    def __init__(
        self, *, pool: Pool, vital: Pool, dispatcher: Dispatcher, bus: Bus, lease_seconds: float
    ) -> None:
        self._pool = pool
        self._vital = vital
        self._dispatcher = dispatcher
        self._bus = bus
        self._owner = dispatcher.owner
        self._lease_seconds = lease_seconds
        self._contact = Contact()
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        dispatcher.on_room = self.look_now

    def start(self) -> None:
        self._task = asyncio.create_task(self._repeat(), name="takeover")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look_now(self) -> None:
        """A hint: something waits, or there is room again, or somebody wants what waits to end."""
        self._look.set()

    def heard(self, notice: Owned) -> None:
        """Whatever this process thinks: it does not run what was taken since, even by itself."""
        run = self._dispatcher.runs.get(notice.response_id)
        if run is not None and run.attempt < notice.attempt:
            run.fenced()
        if notice.owner == NOBODY:
            self.look_now()

    async def _repeat(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            try:
                await self._claim()
                if loop.time() >= look_at:
                    look_at = loop.time() + LOOK_SECONDS
                    await self._look_for_the_dead()
            except UNREACHABLE as error:
                self._contact.lost()
                logger.warning("Postgres is away, what nobody runs waits: %s", error)
                look_at = loop.time() + LOOK_SECONDS
            except Exception:
                logger.exception("What nobody runs could not be looked for")
                look_at = loop.time() + LOOK_SECONDS
            try:
                async with asyncio.timeout_at(look_at):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    async def _claim(self) -> None:
        """What waits and fits; and of the rest what somebody wants ended."""
        room = self._dispatcher.room
        most = MAX_TAKEN if room is None else min(room, MAX_TAKEN)
        claimed = []
        if most:
            claimed = await leases.claim(self._vital, self._owner, self._lease_seconds, most)
        if len(claimed) == most:
            claimed += await leases.claim_wanted(self._vital, self._owner, self._lease_seconds)
        self._contact.made(asyncio.get_running_loop().time())
        for each in claimed:
            self._take(each, waited=True)

    async def _look_for_the_dead(self) -> None:
        """Only after a whole lease of unbroken contact: after an outage of the database everybody's
        leases have lapsed, and nobody is dead.
        """
        if not self._contact.has_lasted(self._lease_seconds, asyncio.get_running_loop().time()):
            return
        running = list(self._dispatcher.runs)
        lapsed = await leases.take_lapsed(self._vital, self._owner, self._lease_seconds, running)
        for each in lapsed:
            self._take(each, waited=False)

    # --- what was taken

    def _take(self, claimed: Claimed, *, waited: bool) -> None:
        name = f"take {claimed.response_id}"
        self._dispatcher.spawn(self._resume(claimed, waited=waited), name)

    async def _resume(self, claimed: Claimed, *, waited: bool) -> None:
        """The lease is ours: go on from what was kept. If that fails, it lapses again."""
        try:
            # Of a crowd the first are answered first: they do not queue behind all the others.
            async with self._dispatcher.starting:
                found = await resumption.find(self._pool, claimed)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, %s waits: %s", claimed.response_id, error)
            return
        if found is None:
            return
        step = resumption.next_step(
            waited=waited,
            said=found.standing.coalescer.said,
            reruns=claimed.reruns,
            wanted={wish.kind for wish in found.wishes},
        )
        if not waited:
            logger.warning("The process that ran %s is gone: %s", claimed.response_id, step.value)
        if step is Next.FREE:
            await self._free(found)
            return
        await self._dispatcher.run(self._run_of(found, step))

    async def _free(self, found: Found) -> None:
        claimed, info = found.claimed, found.stored.info
        if await leases.free(self._pool, self._owner, claimed):
            assert info.conversation_id is not None
            self._bus.tell(Owned(info.conversation_id, info.id, NOBODY, claimed.attempt))

    def _run_of(self, found: Found, step: Next) -> Run:
        """A run that stands where the kept events leave it."""
        info, standing = found.stored.info, found.standing
        begins = step is Next.RUN and not standing.is_in_progress

        async def load() -> ModelRequest:
            return context.of_kept(run, found.said)

        run = self._dispatcher.new_run(
            info=info,
            generates=found.generates,
            attempt=found.claimed.attempt,
            load_request=load,
            next_number=standing.next_number,
            preamble=[prompt.in_progress_event(info)] if begins else [],
            coalescer=standing.coalescer,
            answering=Answering(found.stored.provider, found.stored.switches),
        )
        resumption.grant(run, found.wishes)
        if step is Next.INTERRUPT:
            run.interrupt()
        listeners = self._bus.listeners(run.conversation_id)
        owned = Owned(run.conversation_id, info.id, self._owner, run.attempt, listeners)
        # Whoever started it is known to listen; the first word is what they wait for.
        self._bus.tell(owned, within_seconds=BEHIND_FIRST_WORD_SECONDS)
        return run
