"""Waiting prompts: rows, one queue a conversation, so that a closed tab loses none."""

from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from chat import received
from chat.database import Pool
from chat.protocol.items import Item


class Waiting(NamedTuple):
    """A prompt that waits. `request` is what `services` put there to make a `Prompt` of again."""

    id: int
    conversation_id: str
    user_id: int
    username: str
    event_id: str
    connection_id: str
    request: dict[str, Any]
    parent_id: str | None
    parent_live: bool


_ADD = (
    """
WITH waiting AS (
    INSERT INTO chat_waitingprompt (conversation_id, user_id, event_id, connection_id, request,
                                    created_at)
    SELECT id, %(user_id)s, %(event_id)s, %(connection_id)s, %(request)s, now()
      FROM chat_conversation WHERE id = %(conversation_id)s AND owner_id = %(user_id)s
    RETURNING id
), received AS ("""
    + received.RECEIVE.format(source="waiting")
    + """)
SELECT id FROM waiting
"""
)
# What was withdrawn is kept with the frame that did it, to be given back again if that is repeated.
_REMOVE = """
WITH removed AS (
    DELETE FROM chat_waitingprompt USING chat_conversation
     WHERE chat_waitingprompt.event_id = %(event_id)s AND chat_conversation.id = conversation_id
       AND chat_conversation.owner_id = %(user_id)s
    RETURNING conversation_id, request->'prompt'->'items' AS items
), answered AS (
    UPDATE chat_receivedevent
       SET answer = jsonb_build_object('conversation', conversation_id, 'items', items)
      FROM removed WHERE user_id = %(user_id)s AND event_id = %(by)s
)
SELECT conversation_id, items FROM removed
"""
# Where the head of what is shown called functions, only a prompt with the outputs can go on.
_ANSWERS_CALLS = """
NOT EXISTS (SELECT FROM chat_item AS call
             WHERE call.response_id = conversation.shown_id AND call.direction = 'output'
               AND call.type = 'function_call' AND call.status = 'completed'
               AND NOT waiting.request->'prompt'->'items' @> jsonb_build_array(jsonb_build_object(
                   'type', 'function_call_output', 'call_id', call.body->'call_id')))
"""
_FIRST = f"""
SELECT waiting.id, waiting.conversation_id, waiting.user_id, person.username, waiting.event_id,
       waiting.connection_id, waiting.request, conversation.shown_id,
       coalesce(parent.status IN ('queued', 'in_progress'), false)
  FROM chat_waitingprompt AS waiting
  JOIN chat_conversation AS conversation ON conversation.id = waiting.conversation_id
  JOIN chat_user AS person ON person.id = waiting.user_id
  LEFT JOIN chat_response AS parent ON parent.id = conversation.shown_id
 WHERE waiting.conversation_id = %s AND NOT conversation.queue_paused AND person.is_active
   AND NOT EXISTS (SELECT FROM intent  -- A steer that is still to be seen to comes first.
                    WHERE intent.response_id = conversation.shown_id AND intent.kind = 'steer'
                      AND NOT intent.payload ? 'held')
   AND {_ANSWERS_CALLS}
 ORDER BY waiting.id LIMIT 1
"""
_STRANDED = f"""
SELECT DISTINCT waiting.conversation_id
  FROM chat_waitingprompt AS waiting
  JOIN chat_conversation AS conversation ON conversation.id = waiting.conversation_id
  JOIN chat_user AS person ON person.id = waiting.user_id AND person.is_active
  LEFT JOIN chat_response AS parent ON parent.id = conversation.shown_id
 WHERE NOT conversation.queue_paused
   AND (parent.id IS NULL OR parent.ended_at < now() - interval '10 seconds')
   AND {_ANSWERS_CALLS}
"""


async def add(
    pool: Pool,
    *,
    conversation_id: str,
    user_id: int,
    event_id: str,
    event_hash: str | None,
    connection_id: str,
    request: dict[str, Any],
) -> bool:
    """Put a prompt at the end. False: there is no such conversation of the user's.

    Raises psycopg's `UniqueViolation` when its `event_id` was done before.
    """
    parameters = {
        "conversation_id": conversation_id,
        "user_id": user_id,
        "event_id": event_id,
        "event_hash": event_hash,
        "connection_id": connection_id,
        "request": Jsonb(request),
        "answer": Jsonb({"queued": conversation_id}),
    }
    async with pool.connection() as connection:
        return await (await connection.execute(_ADD, parameters)).fetchone() is not None


async def remove(
    pool: Pool, user_id: int, event_id: str, by: str | None
) -> tuple[str, list[Item]] | None:
    """Withdraw a prompt: its conversation and items, or None if it does not wait (any more).

    `by`: the `event_id` of the frame that asks for it.
    """
    parameters = {"event_id": event_id, "user_id": user_id, "by": by}
    async with pool.connection() as connection:
        row = await (await connection.execute(_REMOVE, parameters)).fetchone()
    return (row[0], row[1]) if row else None


async def first(pool: Pool, conversation_id: str) -> Waiting | None:
    """The prompt whose turn comes next, unless the queue is paused."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_FIRST, (conversation_id,))).fetchone()
    return Waiting(*row) if row else None


async def stranded(pool: Pool) -> list[str]:
    """Conversations where prompts wait and nothing runs: whoever should have gone on did not."""
    async with pool.connection() as connection:
        return [row[0] for row in await (await connection.execute(_STRANDED)).fetchall()]
