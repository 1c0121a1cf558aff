"""What happens to the log after the end: folded into few rows, dropped after its time. What else is
kept for a time goes with it.

One process at a time does it, whoever gets the advisory lock.
"""

import asyncio
import logging

from chat.database import UNREACHABLE, Pool
from chat.engine import cached_answers
from chat.engine.cached_answers import Bounds

logger = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
FOLD_AFTER_SECONDS = 10.0
FOLDED_AT_ONCE = 200
# Most answers are one row. A viewer reads 64 KiB an ack, and each time Postgres has to decompress
# the whole row: one row of megabytes was read as often as it has windows.
FOLDED_BYTES = 256 * 1024
RECEIVED_HOURS = 24
ADVISORY_LOCK = 0x1_17E2_1EC7

# The rows of an ended response become few, with their numbers kept; Postgres compresses them. The
# texts do not come here: putting megabytes of them into parameters held the loop for a second. All
# rows are removed before the first is added, for the sums of their sizes are.
#
# A fold makes at most one row more than its bytes fill; what has no more rows is folded.
_FOLD = """
WITH unfolded AS (
    SELECT log.response_id
      FROM log JOIN chat_response ON chat_response.id = log.response_id
     WHERE chat_response.ended_at < now() - make_interval(secs => %(after)s)
     GROUP BY log.response_id
    HAVING count(*) > sum(octet_length(log.events)) / %(size)s + 1
     LIMIT %(most)s
), removed AS (
    DELETE FROM log USING unfolded WHERE log.response_id = unfolded.response_id
    RETURNING log.response_id, first_number, last_number, events
), placed AS (
    SELECT *, sum(octet_length(events)) OVER (PARTITION BY response_id ORDER BY first_number)
              / %(size)s AS place
      FROM removed
)
INSERT INTO log (response_id, first_number, last_number, events)
SELECT response_id, min(first_number), max(last_number),
       string_agg(events, E'\\n' ORDER BY first_number)
  FROM placed GROUP BY response_id, place
"""
_DROP = """
DELETE FROM log USING chat_response
 WHERE chat_response.id = log.response_id
   AND chat_response.ended_at < now() - make_interval(secs => %s)
"""
_ORPHANS = """
DELETE FROM log WHERE NOT EXISTS (SELECT FROM chat_response WHERE id = log.response_id)
"""
_FORGET = "DELETE FROM chat_receivedevent WHERE created_at < now() - make_interval(hours => %s)"


async def tidy(
    pool: Pool,
    retention_seconds: float,
    fold_after_seconds: float = FOLD_AFTER_SECONDS,
    cached: Bounds | None = None,
) -> int:
    """Fold, drop and forget, unless another process is at it. Returns how many rows it made."""
    async with pool.connection() as connection, connection.transaction():
        lock = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        row = await lock.fetchone()
        if row is None or not row[0]:
            return 0
        await connection.execute(_DROP, (retention_seconds,))
        await connection.execute(_ORPHANS)
        await connection.execute(_FORGET, (RECEIVED_HOURS,))
        if cached is not None:
            await cached_answers.tidy(connection, cached)
        asked = {"after": fold_after_seconds, "size": FOLDED_BYTES, "most": FOLDED_AT_ONCE}
        cursor = await connection.execute(_FOLD, asked)
        return cursor.rowcount


async def tidy_forever(pool: Pool, retention_seconds: float, cached: Bounds) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            folded = FOLDED_AT_ONCE
            while folded >= FOLDED_AT_ONCE:
                folded = await tidy(pool, retention_seconds, cached=cached)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, the log waits: %s", error)
        except Exception:
            logger.exception("The log could not be tidied")
