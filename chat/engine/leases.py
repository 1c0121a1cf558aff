"""Leases: who runs a response, and until when. Every change of hands is one conditional statement.

Owns the table `lease`. A row without an owner is a response that waits for somebody to run it. A
lease that lapsed may be taken; a later attempt fences every earlier one. Times are Postgres's own:
the clocks of the processes do not matter.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chat.database import Pool

NOBODY = ""
MAX_TAKEN = 50


class Claimed(NamedTuple):
    """A lease that is ours now. `reruns`: how often the response was begun anew."""

    response_id: str
    attempt: int
    reruns: int


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


_TAKEN = """
UPDATE lease SET owner = %(owner)s, attempt = attempt + 1,
                 until = clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM found WHERE lease.response_id = found.response_id
RETURNING lease.response_id, lease.attempt, lease.reruns
"""
# Whoever waits longest comes first: `until` is when it began to wait.
_CLAIM = f"""
WITH found AS (
    SELECT response_id FROM lease WHERE owner = '' ORDER BY until LIMIT %(most)s
       FOR UPDATE SKIP LOCKED
)
{_TAKEN}"""
_CLAIM_WANTED = f"""
WITH found AS (
    SELECT response_id FROM lease
     WHERE owner = ''
       AND EXISTS (SELECT FROM intent
                    WHERE intent.response_id = lease.response_id AND NOT payload ? 'held')
     LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
{_TAKEN}"""
# After Postgres was away everybody's leases have lapsed, and nobody is dead.
_TAKE_LAPSED = f"""
WITH found AS (
    SELECT response_id FROM lease
     WHERE owner <> '' AND until < clock_timestamp()
       AND NOT (owner = %(owner)s AND response_id = ANY(%(running)s))
       AND pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %(seconds)s)
     LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
{_TAKEN}"""
_FREE = """
UPDATE lease SET owner = '', reruns = reruns + 1, until = clock_timestamp()
 WHERE response_id = %s AND owner = %s AND attempt = %s
RETURNING response_id
"""


async def claim(pool: Pool, owner: str, lease_seconds: float, most: int) -> list[Claimed]:
    """Take responses that nobody runs, those that wait longest first."""
    return await _take(pool, _CLAIM, owner, lease_seconds, most)


async def claim_wanted(pool: Pool, owner: str, lease_seconds: float) -> list[Claimed]:
    """Take responses that nobody runs and that somebody wants to cancel or steer."""
    return await _take(pool, _CLAIM_WANTED, owner, lease_seconds, MAX_TAKEN)


async def take_lapsed(
    pool: Pool, owner: str, lease_seconds: float, running: Sequence[str]
) -> list[Claimed]:
    """Take the responses whose owner did not renew its lease: it died, or cannot.

    None while Postgres itself has not been up for as long as a lease lasts. `running`: those that
    the taker runs itself, and is late with.
    """
    return await _take(pool, _TAKE_LAPSED, owner, lease_seconds, MAX_TAKEN, running)


async def free(pool: Pool, owner: str, claimed: Claimed) -> bool:
    """Let somebody run the response anew. False: it is not ours any more."""
    async with pool.connection() as connection:
        parameters = (claimed.response_id, owner, claimed.attempt)
        return await (await connection.execute(_FREE, parameters)).fetchone() is not None


async def holders(pool: Pool, response_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Who holds each lease, and by which attempt. Those that there are no more are left out."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT response_id, owner, attempt FROM lease WHERE response_id = ANY(%s)",
            (list(response_ids),),
        )
        rows = await cursor.fetchall()
    return {response_id: (owner, attempt) for response_id, owner, attempt in rows}


async def _take(
    pool: Pool,
    statement: str,
    owner: str,
    lease_seconds: float,
    most: int,
    running: Sequence[str] = (),
) -> list[Claimed]:
    parameters = {
        "owner": owner,
        "seconds": lease_seconds,
        "most": most,
        "running": list(running),
    }
    async with pool.connection() as connection:
        cursor = await connection.execute(statement, parameters)
        return [Claimed(*row) for row in await cursor.fetchall()]
