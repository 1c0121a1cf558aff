"""Frames that were done: the same `event_id` of the same user is done once, and answered again."""

from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from chat.database import Pool

# For use inside the statement that does the frame: `{source}` has rows only if it is done.
RECEIVE = """
    INSERT INTO chat_receivedevent (user_id, event_id, payload_hash, answer, created_at)
    SELECT %(user_id)s, %(event_id)s, %(event_hash)s::text, %(answer)s, now() FROM {source}
     WHERE %(event_hash)s::text IS NOT NULL
"""
_FIND = "SELECT payload_hash, answer FROM chat_receivedevent WHERE user_id = %s AND event_id = %s"


class Receiving(NamedTuple):
    """A frame that is being done. `event_hash` None: it bore no id, and nothing is remembered."""

    user_id: int
    event_id: str | None
    event_hash: str | None
    answer: dict[str, Any]

    def parameters(self) -> dict[str, Any]:
        return {
            "user_id": self.user_id,
            "event_id": self.event_id,
            "event_hash": self.event_hash,
            "answer": Jsonb(self.answer),
        }


NOT_RECEIVED = Receiving(0, None, None, {})


class Received(NamedTuple):
    payload_hash: str
    answer: dict[str, Any]


async def find(pool: Pool, user_id: int, event_id: str) -> Received | None:
    async with pool.connection() as connection:
        row = await (await connection.execute(_FIND, (user_id, event_id))).fetchone()
    return Received(*row) if row else None


_CLAIM = """
INSERT INTO chat_receivedevent (user_id, event_id, payload_hash, answer, created_at)
VALUES (%(user_id)s, %(event_id)s, %(event_hash)s, %(answer)s, now())
    ON CONFLICT DO NOTHING RETURNING id
"""


async def claim(pool: Pool, receiving: Receiving) -> bool:
    """Remember a frame that may safely be done again. False: it was remembered before."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_CLAIM, receiving.parameters())
        return await cursor.fetchone() is not None
