"""Leases: renewed by a timer, tokens or not, for a model may be silent longer than one lasts."""

from collections.abc import Mapping

from chat.database import Pool

# Ids are sorted, so that two renewals never wait for each other in a circle.
_RENEW = """
WITH held AS (
    SELECT asked.response_id
      FROM unnest(%s::text[], %s::int[]) AS asked (response_id, attempt)
     CROSS JOIN LATERAL (
               SELECT FROM lease
                WHERE lease.response_id = asked.response_id AND lease.owner = %s
                  AND lease.attempt = asked.attempt
                  FOR UPDATE) AS mine
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
