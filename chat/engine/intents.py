"""Cancels and steers on their way to whoever runs the response.

Owns the table `intent`. A row is the wish; a notice on the bus is only a hint to look. So a cancel
works with the bus dead and upstream mute: every process looks ten times a second.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from chat import received
from chat.database import Connection, Pool
from chat.protocol import lifecycle
from chat.received import NOT_RECEIVED, Receiving

MAX_PENDING_STEERS = 16
FORSAKEN_SECONDS = 10.0

CANCEL = "cancel"
STEER = "steer"


class Intent(NamedTuple):
    """A wish, and the state of the response that it is aimed at."""

    id: int
    response_id: str
    kind: str
    payload: dict[str, Any]
    status: str | None
    successor_id: str | None
    conversation_id: str | None


# Aimed at a response that still runs: its end locks the row, so that one of the two comes first.
_ADD = (
    """
WITH aimed AS (
    SELECT id FROM chat_response WHERE id = %(id)s AND status = ANY(%(live)s) FOR SHARE
), added AS (
    INSERT INTO intent (response_id, kind, payload)
    SELECT aimed.id, %(kind)s::text, %(payload)s FROM aimed
     WHERE %(kind)s::text = 'cancel'
        OR (SELECT count(*) FROM intent WHERE response_id = %(id)s AND kind = 'steer') < %(most)s
    RETURNING id
), received AS ("""
    + received.RECEIVE.format(source="added")
    + """)
SELECT id FROM added
"""
)

# Ours to see to: those of the responses that we run, or ended lately. After a while anybody sees to
# what nobody did: the process that should have is gone.
_PENDING = """
SELECT intent.id, intent.response_id, intent.kind, intent.payload, response.status,
       response.successor_id, response.conversation_id
  FROM intent
  LEFT JOIN lease ON lease.response_id = intent.response_id
  LEFT JOIN chat_response AS response ON response.id = intent.response_id
 WHERE (lease.owner = %s
        OR lease.owner IS NULL AND (intent.response_id = ANY(string_to_array(%s, ','))
                                    OR intent.created_at < now() - make_interval(secs => %s)))
   AND NOT intent.payload ? 'held'
 ORDER BY intent.id
"""

_AIM_AT = "UPDATE intent SET response_id = %s WHERE id = %s"
_DROP = "DELETE FROM intent WHERE id = ANY(%s) RETURNING id"
_HOLD = """
UPDATE intent SET payload = payload || '{"held": true}' WHERE id = ANY(%s)
"""
_HELD = """
SELECT id, response_id, kind, payload, NULL, NULL, NULL FROM intent
 WHERE response_id = %s AND kind = 'steer' AND payload ? 'held' ORDER BY id
"""


async def add(
    pool: Pool,
    response_id: str,
    kind: str,
    payload: dict[str, Any],
    receiving: Receiving = NOT_RECEIVED,
) -> bool:
    """Keep the wish, if the response still runs and not too many wait. True: it is kept.

    Raises psycopg's `UniqueViolation` when the frame was done before.
    """
    parameters = {
        **receiving.parameters(),
        "id": response_id,
        "kind": kind,
        "payload": Jsonb(payload),
        "live": sorted(lifecycle.LIVE),
        "most": MAX_PENDING_STEERS,
    }
    async with pool.connection() as connection:
        cursor = await connection.execute(_ADD, parameters)
        return await cursor.fetchone() is not None


async def pending(pool: Pool, owner: str, ended_here: Sequence[str]) -> list[Intent]:
    """The wishes that `owner` is to see to, in order. `ended_here`: responses it ended lately."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_PENDING, (owner, ",".join(ended_here), FORSAKEN_SECONDS))
        return [Intent(*row) for row in await cursor.fetchall()]


async def aim_at(pool: Pool, intent_id: int, response_id: str) -> None:
    """The wish means the response's successor."""
    async with pool.connection() as connection:
        await connection.execute(_AIM_AT, (response_id, intent_id))


async def drop(pool: Pool, intent_ids: list[int]) -> set[int]:
    """Withdraw the wishes. Returns those that this call withdrew, for one caller each."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_DROP, (intent_ids,))
        return {row[0] for row in await cursor.fetchall()}


async def hold(pool: Pool, intent_ids: list[int]) -> None:
    """The steers wait for the tool outputs that the client owes."""
    async with pool.connection() as connection:
        await connection.execute(_HOLD, (intent_ids,))


_OF_LOCKED = """
SELECT id, response_id, kind, payload, NULL, NULL, NULL FROM intent
 WHERE response_id = %s AND kind = 'steer' ORDER BY id
"""


async def all_steers(connection: Connection, response_id: str) -> list[Intent]:
    """Every steer of the response that there will ever be: none can be added until the end.

    To add one takes a share of the response's row, which is locked here until the transaction ends.
    """
    await connection.execute("SELECT FROM chat_response WHERE id = %s FOR UPDATE", (response_id,))
    cursor = await connection.execute(_OF_LOCKED, (response_id,))
    return [Intent(*row) for row in await cursor.fetchall()]


async def held(pool: Pool, response_id: str) -> list[Intent]:
    """The steers that go before the next prompt after the response."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_HELD, (response_id,))
        return [Intent(*row) for row in await cursor.fetchall()]
