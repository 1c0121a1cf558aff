"""Renews leases by a timer, tokens or not: a model may be silent longer than one lasts."""

import asyncio
import logging
from collections.abc import Mapping

from chat.database import Pool
from chat.engine import leases
from chat.engine.pulse import UNREACHABLE
from chat.engine.run import Run

logger = logging.getLogger(__name__)


class Renewal:
    """Renews the leases of `runs`, and fences those whose lease somebody else has, or nobody."""

    def __init__(
        self, pool: Pool, owner: str, runs: Mapping[str, Run], lease_seconds: float
    ) -> None:
        self._pool = pool
        self._owner = owner
        self._runs = runs
        self._lease_seconds = lease_seconds

    async def repeat(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            try:
                await self._renew()
            except UNREACHABLE as error:
                logger.warning("Postgres is away, leases wait: %s", error)
            except Exception:
                logger.exception("Leases could not be renewed")

    async def _renew(self) -> None:
        attempts = {run.response_id: run.attempt for run in self._runs.values()}
        if not attempts:
            return
        ours = await leases.renew(self._pool, self._owner, attempts, self._lease_seconds)
        for response_id in attempts.keys() - ours:
            await self._check_fence(response_id)

    async def _check_fence(self, response_id: str) -> None:
        """A lease that did not come back: the response ended meanwhile, was deleted, or taken."""
        owner = await leases.owner_of(self._pool, response_id)
        run = self._runs.get(response_id)
        if run is not None and not run.is_ending and owner != self._owner:
            run.fenced()
