"""Leases: renewed by a timer, tokens or not, for a model may be silent longer than one lasts."""

from collections.abc import Mapping

from chat.database import Pool

# Ids are sorted, so that two renewals never wait for each other in a circle.
_RENEW = """
WITH held AS (
    SELECT lease.response_id FROM lease
      JOIN unnest(%s::text[], %s::int[]) AS asked (response_id, attempt)
        ON asked.response_id = lease.response_id AND asked.attempt = lease.attempt
     WHERE lease.owner = %s
     ORDER BY lease.response_id FOR UPDATE OF lease
)
UPDATE lease SET until = now() + make_interval(secs => %s)
  FROM held WHERE lease.response_id = held.response_id
RETURNING lease.response_id
"""


async def renew(
    pool: Pool, owner: str, attempts: Mapping[str, int], lease_seconds: float
) -> set[str]:
    """Renew the leases of the responses, given with their attempts. Returns those still ours."""
    columns = (list(attempts), list(attempts.values()), owner, lease_seconds)
    async with pool.connection() as connection:
        cursor = await connection.execute(_RENEW, columns)
        return {row[0] for row in await cursor.fetchall()}
