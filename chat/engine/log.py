"""The log: what was kept of each response's events, appended for all running responses at once.

Owns the table `log`, and reads `lease` to know whose batches may be appended.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chat.database import Pool
from chat.protocol.batch import Batch

# Between the texts of two batches: JSON escapes control characters, so that no text holds one. As
# arrays, psycopg would escape them character by character in Python: 45 µs a batch, against 7.
BETWEEN = "\x1e"

# One statement for every running response. The leases that are still ours are locked against their
# next owner; one that somebody else holds at the moment is skipped, so that it holds up its own
# stream only. The primary key is the last guard against a batch that is there already.
#
# LATERAL, so that each lease is found by its key. Joined, Postgres, which believes the batches few
# and the table of leases empty, compared each with each: 100 ms with 500 streams, against 8.
_APPEND = r"""
INSERT INTO log (response_id, first_number, last_number, events)
SELECT batch.response_id, batch.first_number, batch.last_number, batch.events
  FROM unnest(string_to_array(%s, ','), string_to_array(%s, ',')::int[],
              string_to_array(%s, ',')::int[], string_to_array(%s, ',')::int[],
              string_to_array(%s, E'\x1e'))
       AS batch (response_id, attempt, first_number, last_number, events)
 CROSS JOIN LATERAL (
           SELECT FROM lease
            WHERE lease.response_id = batch.response_id AND lease.owner = %s
              AND lease.attempt = batch.attempt
              FOR SHARE SKIP LOCKED) AS mine
    ON CONFLICT DO NOTHING
RETURNING response_id
"""

_STANDING = """
SELECT asked.id, lease.owner, lease.attempt,
       (SELECT last_number FROM log WHERE log.response_id = asked.id
         ORDER BY first_number DESC LIMIT 1)
  FROM unnest(%s::text[]) AS asked (id)
  LEFT JOIN lease ON lease.response_id = asked.id
"""

# What one read brings: a window holds half of it. A row is read whole, however large.
MAX_READ_BYTES = 128 * 1024

# From the row that holds the number on, without a look at all those before it. The size of a text
# is known without decompressing it; only what is sent is.
_READ = """
SELECT first_number, events
  FROM (SELECT first_number, events,
               sum(octet_length(events)) OVER (ORDER BY first_number) - octet_length(events)
                   AS bytes_before
          FROM (SELECT first_number, events FROM log
                 WHERE response_id = %(id)s AND last_number >= %(first)s
                   AND first_number >= coalesce((SELECT first_number FROM log
                                                  WHERE response_id = %(id)s
                                                    AND first_number <= %(first)s
                                                  ORDER BY first_number DESC LIMIT 1), 0)
                 ORDER BY first_number LIMIT %(rows)s) AS here) AS sized
 WHERE bytes_before < %(bytes)s
 ORDER BY first_number
"""

_HEADS = """
SELECT asked.id, coalesce((SELECT last_number FROM log WHERE response_id = asked.id
                            ORDER BY first_number DESC LIMIT 1), -1)
  FROM unnest(%s::text[]) AS asked (id)
"""


class Standing(NamedTuple):
    """What the database says of a response that a batch did not come back of."""

    owner: str | None
    attempt: int | None
    last_number: int


async def append(pool: Pool, owner: str, batches: Sequence[Batch]) -> set[str]:
    """Append the batches of the responses that `owner` still holds. Returns their ids.

    A response that is missing from the answer is not lost: ask `standing`.
    """
    ordered = sorted(batches, key=lambda batch: batch.response_id)
    columns = (
        ",".join([batch.response_id for batch in ordered]),
        ",".join([str(batch.attempt) for batch in ordered]),
        ",".join([str(batch.first_number) for batch in ordered]),
        ",".join([str(batch.last_number) for batch in ordered]),
        BETWEEN.join([batch.text for batch in ordered]),
    )
    async with pool.connection() as connection:
        cursor = await connection.execute(_APPEND, (*columns, owner))
        return {row[0] for row in await cursor.fetchall()}


async def standing(pool: Pool, response_ids: Sequence[str]) -> dict[str, Standing]:
    async with pool.connection() as connection:
        cursor = await connection.execute(_STANDING, (list(response_ids),))
        return {
            response_id: Standing(owner, attempt, -1 if last is None else last)
            for response_id, owner, attempt, last in await cursor.fetchall()
        }


async def read(
    pool: Pool, response_id: str, first_number: int, max_rows: int = 500
) -> list[tuple[int, list[str]]]:
    """The kept events from `first_number` on: runs of (number of the first, frames), in order.

    At most `max_rows` rows of the log, and no more of them than `MAX_READ_BYTES` takes: ask again
    behind the last one for more.
    """
    async with pool.connection() as connection:
        asked = {"id": response_id, "first": first_number}
        bounds = {"rows": max_rows, "bytes": MAX_READ_BYTES}
        rows = await (await connection.execute(_READ, {**asked, **bounds})).fetchall()
    runs = []
    for first, text in rows:
        frames = text.split("\n")
        skipped = max(0, first_number - first)
        runs.append((first + skipped, frames[skipped:]))
    return runs


async def heads(pool: Pool, response_ids: Sequence[str]) -> dict[str, int]:
    """The highest kept number of each response, -1 where the log holds nothing."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_HEADS, (list(response_ids),))
        return {row[0]: row[1] for row in await cursor.fetchall()}
