"""Leases: renewed by a timer, tokens or not, for a model may be silent longer than one lasts."""

import asyncio
import logging
from collections.abc import Mapping

from chat.database import Pool
from chat.engine.pulse import UNREACHABLE
from chat.engine.run import Run

logger = logging.getLogger(__name__)

# A lease that somebody holds at the moment is skipped: it must not stop the renewal of the others.
_RENEW = """
WITH held AS (
    SELECT asked.response_id
      FROM unnest(%s::text[], %s::int[]) AS asked (response_id, attempt)
     CROSS JOIN LATERAL (
               SELECT FROM lease
                WHERE lease.response_id = asked.response_id AND lease.owner = %s
                  AND lease.attempt = asked.attempt
                  FOR UPDATE SKIP LOCKED) AS mine
)
UPDATE lease SET until = now() + make_interval(secs => %s)
 WHERE response_id = ANY(SELECT response_id FROM held)
RETURNING response_id
"""


async def renew(
    pool: Pool, owner: str, attempts: Mapping[str, int], lease_seconds: float
) -> set[str]:
    """Renew the leases of the responses, given with their attempts. Returns those still ours."""
    asked = sorted(attempts)
    columns = (asked, [attempts[each] for each in asked], owner, lease_seconds)
    async with pool.connection() as connection:
        cursor = await connection.execute(_RENEW, columns)
        return {row[0] for row in await cursor.fetchall()}


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
        ours = await renew(self._pool, self._owner, attempts, self._lease_seconds)
        for response_id in attempts.keys() - ours:
            await self._check_fence(response_id)

    async def _check_fence(self, response_id: str) -> None:
        """A lease that did not come back: the response ended meanwhile, was deleted, or taken."""
        owner = await _owner_of(self._pool, response_id)
        run = self._runs.get(response_id)
        if run is not None and not run.is_ending and owner != self._owner:
            run.fenced()


async def _owner_of(pool: Pool, response_id: str) -> str | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT owner FROM lease WHERE response_id = %s", (response_id,)
        )
        row = await cursor.fetchone()
    return row[0] if row else None
