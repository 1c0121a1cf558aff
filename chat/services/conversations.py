"""Conversations as their owner handles them: made, renamed, deleted with everything in them."""

from chat.engine.notices import Removed, Titled
from chat.engine.process import current_engine
from chat.protocol import ids
from chat.protocol.errors import NotFound

_RENAME = """
UPDATE chat_conversation SET title = %s, updated_at = now() WHERE id = %s AND owner_id = %s
RETURNING id
"""
_DELETE = (
    "SELECT id FROM chat_conversation WHERE id = %(id)s AND owner_id = %(user_id)s FOR UPDATE",
    "DELETE FROM lease USING chat_response WHERE lease.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM intent USING chat_response WHERE intent.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM log USING chat_response WHERE log.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM chat_feedback USING chat_response"
    " WHERE chat_feedback.response_id = chat_response.id AND conversation_id = %(id)s",
    "DELETE FROM chat_item WHERE conversation_id = %(id)s",
    "DELETE FROM chat_waitingprompt WHERE conversation_id = %(id)s",
    "DELETE FROM chat_response WHERE conversation_id = %(id)s",
    "DELETE FROM chat_conversation WHERE id = %(id)s",
)


async def create_conversation(user_id: int) -> str:
    """An empty conversation for the browser. Returns its id."""
    engine = await current_engine()
    conversation_id = ids.conversation_id()
    async with engine.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO chat_conversation (id, owner_id, origin) VALUES (%s, %s, 'web')",
            (conversation_id, user_id),
        )
    return conversation_id


async def rename_conversation(user_id: int, conversation_id: str, title: str) -> None:
    """Raises `NotFound` for a conversation that is not the user's."""
    engine = await current_engine()
    async with engine.pool.connection() as connection:
        cursor = await connection.execute(_RENAME, (title, conversation_id, user_id))
        if await cursor.fetchone() is None:
            raise NotFound("conversation_not_found", "There is no such conversation.")
    engine.bus.announce(Titled(conversation_id, title))


async def delete_conversation(user_id: int, conversation_id: str) -> None:
    """Delete it with everything in it, and stop what runs. Raises `NotFound` as above."""
    engine = await current_engine()
    parameters = {"id": conversation_id, "user_id": user_id}
    async with engine.pool.connection() as connection, connection.transaction():
        first, *rest = _DELETE
        if await (await connection.execute(first, parameters)).fetchone() is None:
            raise NotFound("conversation_not_found", "There is no such conversation.")
        for statement in rest:
            await connection.execute(statement, parameters)
    engine.dispatcher.abandon(conversation_id)
    engine.bus.announce(Removed(conversation_id))
