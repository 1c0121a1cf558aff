"""The table of answers that are given again: looked up, kept and forgotten, in SQL.

Who asks is read from the response that asks. An answer is found by its key only where its own user
asks, unless the cache is everyone's.
"""

from typing import Any, NamedTuple

from chat.database import Connection, Pool

# What a row takes beside its text, roughly: small answers are bounded in number by this.
ROW_BYTES = 500


class Bounds(NamedTuple):
    """How long answers are kept, and how much of them in all."""

    seconds: float
    total_bytes: int


_FIND = """
SELECT cached.answer
  FROM cached_answer AS cached JOIN chat_response AS asking ON asking.id = %(response_id)s
 WHERE cached.key = %(key)s AND (%(everyone)s OR cached.user_id = asking.created_by_id)
   AND cached.kept_at > now() - make_interval(secs => %(seconds)s)
 ORDER BY cached.kept_at DESC LIMIT 1
"""
# A response that was deleted meanwhile keeps nothing: there is no row to take the names from, and
# the foreign keys see to what is deleted at this very moment.
_KEEP = """
INSERT INTO cached_answer (key, user_id, conversation_id, answer, bytes, kept_at)
SELECT %(key)s, asking.created_by_id, asking.conversation_id, %(answer)s, %(bytes)s, now()
  FROM chat_response AS asking
 WHERE asking.id = %(response_id)s AND asking.created_by_id IS NOT NULL
    ON CONFLICT (key, user_id) DO UPDATE
   SET conversation_id = excluded.conversation_id, answer = excluded.answer,
       bytes = excluded.bytes, kept_at = excluded.kept_at
"""
_EXPIRE = "DELETE FROM cached_answer WHERE kept_at <= now() - make_interval(secs => %(seconds)s)"
_BOUND = """
DELETE FROM cached_answer
 WHERE kept_at <= (SELECT max(kept_at)
                     FROM (SELECT kept_at, sum(bytes) OVER (ORDER BY kept_at DESC) AS total
                             FROM cached_answer) AS aged
                    WHERE total > %(total_bytes)s)
"""


async def find(
    pool: Pool, key: str, response_id: str, seconds: float, *, everyone: bool
) -> str | None:
    """The text kept under the key for whoever asks for the response, if it is no older."""
    asked = {"key": key, "response_id": response_id, "seconds": seconds, "everyone": everyone}
    async with pool.connection() as connection:
        row = await (await connection.execute(_FIND, asked)).fetchone()
    return row[0] if row else None


async def keep(pool: Pool, key: str, response_id: str, answer: str) -> None:
    """Keep the text of a response's answer, in place of an older one."""
    size = len(answer.encode()) + ROW_BYTES
    kept: dict[str, Any] = {
        "key": key, "response_id": response_id, "answer": answer, "bytes": size,
    }  # fmt: skip
    async with pool.connection() as connection:
        await connection.execute(_KEEP, kept)


async def tidy(connection: Connection, bounds: Bounds) -> None:
    """Forget what is too old; and of the rest the oldest, where it is too much."""
    await connection.execute(_EXPIRE, bounds._asdict())
    await connection.execute(_BOUND, bounds._asdict())
