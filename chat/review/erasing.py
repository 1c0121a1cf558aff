"""Deleting for good, through the service: its statements, its leases, its word to who follows.

What Django would delete row by row leaves logs and leases behind, and models talking to nobody.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from asgiref.sync import async_to_sync

from chat import services
from chat.engine.process import current_engine
from chat.protocol.errors import NotFound

AT_ONCE = 100

_DEACTIVATE = "UPDATE chat_user SET is_active = false WHERE id = ANY(%s)"
_OWNED = "SELECT owner_id, id FROM chat_conversation WHERE owner_id = ANY(%s) LIMIT %s"


@async_to_sync
async def delete_conversations(named: Iterable[tuple[int, str]]) -> None:
    """Delete conversations, given by owner and id. Those already gone are left out."""
    await _delete(named)


@async_to_sync
async def delete_conversations_of(user_ids: Sequence[int]) -> None:
    """Delete everything that the users own, so that their rows can go.

    They are deactivated first, and that is committed at once: no login of theirs holds any more,
    so nothing new begins behind our back.
    """
    engine = await current_engine()
    async with engine.pool.connection() as connection:
        await connection.execute(_DEACTIVATE, (list(user_ids),))
    while True:
        async with engine.pool.connection() as connection:
            cursor = await connection.execute(_OWNED, (list(user_ids), AT_ONCE))
            owned = await cursor.fetchall()
        if not owned:
            return
        await _delete((owner_id, conversation_id) for owner_id, conversation_id in owned)


async def _delete(named: Iterable[tuple[int, str]]) -> None:
    for owner_id, conversation_id in named:
        with suppress(NotFound):
            await services.delete_conversation(owner_id, conversation_id)
