"""What changes nothing in the stream: judgements, and the word that somebody types."""

from typing import Any

import psycopg

from chat import finding, received
from chat.engine.notices import Typing
from chat.engine.process import Engine
from chat.protocol.errors import NotFound
from chat.protocol.requests import Feedback
from chat.services.asking import Asker, check_login, must_hold, repeated

# An item that is still being written stands in the log only, under the id that it will be kept by:
# in the event that opened it, for ids of other things stand there too.
_FEEDBACK = (
    """
WITH mine AS (
    SELECT response.id, response.status
      FROM chat_response AS response
      JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
     WHERE conversation.owner_id = %(user_id)s
       AND (response.id = %(response_id)s OR %(response_id)s::text IS NULL AND (
            response.status = 'in_progress'
            OR response.id = (SELECT response_id FROM chat_item WHERE id = %(item_id)s)))
), aimed AS (
    SELECT mine.id FROM mine
     WHERE %(item_id)s::text IS NULL
        OR EXISTS (SELECT FROM chat_item WHERE id = %(item_id)s AND response_id = mine.id)
        OR EXISTS (SELECT FROM log, string_to_table(log.events, E'\\n') AS event
                    WHERE log.response_id = mine.id AND mine.status = 'in_progress'
                      AND strpos(log.events, %(item_id)s) > 0
                      AND starts_with(event, '{"type":"response.output_item.added"')
                      AND event::jsonb #>> '{item,id}' = %(item_id)s)
), kept AS (
    INSERT INTO chat_feedback (user_id, response_id, item_id, rating, tags, comment)
    SELECT %(user_id)s, id, %(item_id)s, %(rating)s, %(tags)s, %(comment)s FROM aimed
        ON CONFLICT (user_id, response_id, item_id) DO UPDATE
           SET rating = EXCLUDED.rating, tags = EXCLUDED.tags, comment = EXCLUDED.comment,
               updated_at = now()
    RETURNING response_id, item_id, rating, tags, comment
), received AS ("""
    + received.RECEIVE.format(source="kept")
    + """)
SELECT response_id, item_id, rating, tags, comment FROM kept
"""
)


_KEPT = """
SELECT response_id, item_id, rating, tags, comment FROM chat_feedback
 WHERE user_id = %(user_id)s AND item_id IS NOT DISTINCT FROM %(item_id)s
   AND response_id = coalesce(%(response_id)s, response_id)
"""


async def give_feedback(engine: Engine, asker: Asker, feedback: Feedback) -> dict[str, Any]:
    """Keep a judgement; a later one of the same user's replaces it. Returns what is kept now.

    A frame that was done before is not done again: it may be older than what is kept.
    """
    await check_login(engine, asker.identity)
    receiving = received.Receiving(
        asker.identity.user_id, asker.event_id, asker.event_hash, {"done": True}
    )
    parameters = {
        **receiving.parameters(),
        "response_id": feedback.response_id,
        "item_id": feedback.item_id,
        "rating": feedback.rating,
        "tags": feedback.tags,
        "comment": feedback.comment,
    }
    try:
        row = await _row(engine, _FEEDBACK, parameters)
    except psycopg.errors.UniqueViolation:
        await repeated(engine, asker)
        row = await _row(engine, _KEPT, parameters)
    if row is None:
        raise NotFound("response_not_found", "There is no such response.", param="response_id")
    return dict(zip(("response_id", "item_id", "rating", "tags", "comment"), row, strict=True))


async def _row(
    engine: Engine, statement: str, parameters: dict[str, Any]
) -> tuple[Any, ...] | None:
    async with engine.pool.connection() as connection:
        return await (await connection.execute(statement, parameters)).fetchone()


async def tell_typing(engine: Engine, asker: Asker, conversation_id: str) -> None:
    """Tell the conversation's followers that the asker types. Never stored."""
    standing = await finding.standing(engine.pool, asker.identity, conversation_id=conversation_id)
    must_hold(standing.holds)
    if standing.conversation_id is None:
        raise NotFound(
            "conversation_not_found", "There is no such conversation.", param="conversation"
        )
    engine.bus.tell(Typing(conversation_id, asker.identity.username, asker.connection_id))
