"""What was to last no longer than its connection: stopped by the service, once that is gone."""

from collections.abc import Sequence

from chat.access import Identity
from chat.engine import intents, queue
from chat.engine.process import Engine
from chat.protocol import lifecycle
from chat.services.control import cancel_payload, wake_runner

# By now a prompt that waited is a response, or is gone. What has the wish already is left out.
_LIVE_ENDS = """
WITH RECURSIVE asked AS (
    SELECT unnest(%(response_ids)s::text[]) AS id
    UNION
    SELECT answer->>'response_id' FROM chat_receivedevent
     WHERE user_id = %(user_id)s AND event_id = ANY(%(event_ids)s)
), chain AS (
    SELECT response.id, response.conversation_id, response.status, response.successor_id
      FROM asked JOIN chat_response AS response ON response.id = asked.id
    UNION
    SELECT next.id, next.conversation_id, next.status, next.successor_id
      FROM chain JOIN chat_response AS next ON next.id = chain.successor_id
)
SELECT id, conversation_id FROM chain
 WHERE status = ANY(%(live)s)
   AND NOT EXISTS (SELECT FROM intent WHERE response_id = chain.id AND kind = 'cancel')
"""


async def end_with_connection(
    engine: Engine, identity: Identity, response_ids: Sequence[str], event_ids: Sequence[str]
) -> None:
    """Stop what runs of the responses named, and what steers made of them.

    `event_ids` name prompts that had to wait: they are withdrawn, or stopped if they began. It is
    the service that does it, so access is not looked at: the login may have ended, too.
    """
    payload = cancel_payload(engine, identity, None)
    for event_id in event_ids:
        removed = await queue.remove(engine.pool, identity.user_id, event_id, None)
        if removed is not None:
            await engine.succession.announce_queue(removed[0], event_id, "withdrawn", None)
    # What ends meanwhile as steered has a successor, which is meant then.
    while live := await _live_ends(engine, identity.user_id, response_ids, event_ids):
        for response_id, conversation_id in live:
            if await intents.add(engine.pool, response_id, intents.CANCEL, payload):
                wake_runner(engine, response_id, conversation_id)


async def _live_ends(
    engine: Engine, user_id: int, response_ids: Sequence[str], event_ids: Sequence[str]
) -> list[tuple[str, str]]:
    """Responses with their conversations."""
    parameters = {
        "user_id": user_id,
        "response_ids": list(response_ids),
        "event_ids": list(event_ids),
        "live": sorted(lifecycle.LIVE),
    }
    async with engine.pool.connection() as connection:
        rows = await (await connection.execute(_LIVE_ENDS, parameters)).fetchall()
    return [(response_id, conversation_id) for response_id, conversation_id in rows]
