"""Conversations as their owner handles them: made, renamed, deleted with everything in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from chat.database import UNREACHABLE
from chat.engine.notices import Removed, Titled
from chat.engine.process import Engine, current_engine
from chat.protocol import ids
from chat.protocol.errors import NotFound, Unavailable

# A deletion locks the conversation before its leases, the end of a response the other way round,
# and no order suits all: Postgres ends one of the two, and mostly the next try gets through.
TRIES = 5

_CREATE = """
INSERT INTO chat_conversation (id, owner_id, origin) VALUES (%(id)s, %(user_id)s, 'web')
RETURNING id
"""

_RENAME = """
UPDATE chat_conversation SET title = %(title)s, updated_at = now()
 WHERE id = %(id)s AND owner_id = %(user_id)s
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
    "DELETE FROM cached_answer WHERE conversation_id = %(id)s",
    "DELETE FROM chat_item WHERE conversation_id = %(id)s",
    "DELETE FROM chat_waitingprompt WHERE conversation_id = %(id)s",
    "DELETE FROM chat_response WHERE conversation_id = %(id)s",
    "DELETE FROM chat_conversation WHERE id = %(id)s",
)


async def create_conversation(user_id: int) -> str:
    """An empty conversation for the browser. Returns its id."""
    conversation_id = ids.conversation_id()
    await _write([_CREATE], {"id": conversation_id, "user_id": user_id})
    return conversation_id


async def rename_conversation(user_id: int, conversation_id: str, title: str) -> None:
    """Raises `NotFound` for a conversation that is not the user's."""
    parameters = {"id": conversation_id, "user_id": user_id, "title": title}
    engine = await _write([_RENAME], parameters)
    engine.bus.tell(Titled(conversation_id, title))


async def delete_conversation(user_id: int, conversation_id: str) -> None:
    """Delete it with everything in it, and stop what runs. Raises `NotFound` as above."""
    engine = await _write(_DELETE, {"id": conversation_id, "user_id": user_id})
    engine.dispatcher.abandon(conversation_id)
    engine.bus.tell(Removed(conversation_id))


async def _write(statements: Sequence[str], parameters: Mapping[str, Any]) -> Engine:
    """Run the statements in one transaction. The first returns a row, or there is no conversation.

    Raises `Unavailable` while Postgres is away, or somebody holds the conversation for too long.
    """
    for _ in range(TRIES):
        try:
            engine = await current_engine()
            await _try_to_write(engine, statements, parameters)
        except psycopg.errors.DeadlockDetected:
            continue
        except UNREACHABLE as error:
            raise Unavailable(
                "unavailable", "The service is not ready. Try again in 1s."
            ) from error
        return engine
    raise Unavailable("conversation_busy", "The conversation is too busy. Try again in 1s.")


async def _try_to_write(
    engine: Engine, statements: Sequence[str], parameters: Mapping[str, Any]
) -> None:
    first, *rest = statements
    async with engine.pool.connection() as connection, connection.transaction():
        if await (await connection.execute(first, parameters)).fetchone() is None:
            raise NotFound("conversation_not_found", "There is no such conversation.")
        for statement in rest:
            await connection.execute(statement, parameters)
