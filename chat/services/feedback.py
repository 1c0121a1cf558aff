"""What changes nothing in the stream: judgements, and the word that somebody types."""

from typing import Any

from chat import queries
from chat.engine.notices import Typing
from chat.engine.process import Engine
from chat.protocol.errors import NotFound
from chat.protocol.requests import Feedback
from chat.services.asking import Asker, check_login, must_hold

_FEEDBACK = """
WITH aimed AS (
    SELECT response.id AS response_id, item.id AS item_id
      FROM chat_response AS response
      JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
      LEFT JOIN chat_item AS item ON item.id = %(item_id)s AND item.response_id = response.id
     WHERE conversation.owner_id = %(user_id)s
       AND response.id = coalesce(
           %(response_id)s,
           (SELECT response_id FROM chat_item WHERE id = %(item_id)s),
           -- An item that is still being written stands in the log only.
           (SELECT log.response_id FROM log JOIN chat_response AS live ON live.id = log.response_id
             WHERE live.status = 'in_progress' AND live.conversation_id IN (
                   SELECT id FROM chat_conversation WHERE owner_id = %(user_id)s)
               AND log.events LIKE '%%"' || %(item_id)s || '"%%' LIMIT 1))
)
INSERT INTO chat_feedback (user_id, response_id, item_id, rating, tags, comment)
SELECT %(user_id)s, response_id, item_id, %(rating)s, %(tags)s, %(comment)s FROM aimed
    ON CONFLICT (user_id, response_id, item_id) DO UPDATE
       SET rating = EXCLUDED.rating, tags = EXCLUDED.tags, comment = EXCLUDED.comment,
           updated_at = now()
RETURNING response_id, item_id
"""


async def give_feedback(engine: Engine, asker: Asker, feedback: Feedback) -> dict[str, Any]:
    """Keep a judgement; a later one of the same user's replaces it. Returns what is kept now."""
    await check_login(engine, asker.identity)
    parameters = {
        "user_id": asker.identity.user_id,
        "response_id": feedback.response_id,
        "item_id": feedback.item_id,
        "rating": feedback.rating,
        "tags": feedback.tags,
        "comment": feedback.comment,
    }
    async with engine.pool.connection() as connection:
        row = await (await connection.execute(_FEEDBACK, parameters)).fetchone()
    if row is None:
        raise NotFound("response_not_found", "There is no such response.", param="response_id")
    return {
        "response_id": row[0],
        "item_id": row[1],
        "rating": feedback.rating,
        "tags": feedback.tags,
        "comment": feedback.comment,
    }


async def tell_typing(engine: Engine, asker: Asker, conversation_id: str) -> None:
    """Tell the conversation's followers that the asker types. Never stored."""
    standing = await queries.standing(engine.pool, asker.identity, conversation_id=conversation_id)
    must_hold(standing.holds)
    if standing.conversation_id is None:
        raise NotFound(
            "conversation_not_found", "There is no such conversation.", param="conversation"
        )
    engine.bus.announce(Typing(conversation_id, asker.identity.username, asker.connection_id))
