"""Renews leases by a timer, tokens or not: a model may be silent longer than one lasts."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress

from chat.database import UNREACHABLE, Pool
from chat.engine import leases
from chat.engine.run import Run

logger = logging.getLogger(__name__)

# After so long nobody can say whether others took over long ago: the models are stopped. What they
# said so far is kept in memory, and ends as interrupted if it is still ours.
ISOLATED_SECONDS = 60.0


class Renewal:
    """Renews the leases of `runs`, and fences those whose lease somebody else has, or nobody."""

    def __init__(
        self, pool: Pool, owner: str, runs: Mapping[str, Run], lease_seconds: float
    ) -> None:
        self._pool = pool
        self._owner = owner
        self._runs = runs
        self._lease_seconds = lease_seconds
        self._now = asyncio.Event()

    def renew_now(self) -> None:
        """A statement of ours held a lease for long: nobody could renew it meanwhile."""
        self._now.set()

    async def repeat(self) -> None:
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lease_seconds / 3):
                    await self._now.wait()
            self._now.clear()
            try:
                await self._renew()
                renewed_at = loop.time()
            except UNREACHABLE as error:
                logger.warning("Postgres is away, leases wait: %s", error)
                if loop.time() - renewed_at > max(ISOLATED_SECONDS, self._lease_seconds):
                    self._stop_all()
            except Exception:
                logger.exception("Leases could not be renewed")

    async def _renew(self) -> None:
        attempts = {run.response_id: run.attempt for run in self._runs.values()}
        if not attempts:
            return
        ours = await leases.renew(self._pool, self._owner, attempts, self._lease_seconds)
        missing = attempts.keys() - ours
        if missing:
            await self._fence(missing)

    def _stop_all(self) -> None:
        for run in self._runs.values():
            run.interrupt()

    async def _fence(self, missing: Collection[str]) -> None:
        """Leases that did not come back: their responses ended meanwhile, or went, or were taken.

        One question for all: while it is asked, none is renewed.
        """
        holders = await leases.holders(self._pool, list(missing))
        for response_id in missing:
            run = self._runs.get(response_id)
            if run is None or run.is_ending:
                continue
            if holders.get(response_id) != (self._owner, run.attempt):
                run.fenced()
