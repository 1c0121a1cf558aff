"""A response's first words to the database, one statement.

It claims before it writes: what it finds changed, it leaves alone, and its empty answer says so.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from psycopg.types.json import Jsonb

from chat import access
from chat.access import Identity
from chat.database import UNREACHABLE, Connection, Pool
from chat.engine import log
from chat.engine.columns import batch_columns, item_columns
from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.events import ResponseInfo
from chat.protocol.items import Item
from chat.received import RECEIVE

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a response starts with.

    `info.conversation_id` exists, unless `origin` is given: then it is made, if `login` still
    holds. `shown_parent`: the start claims the conversation only while its shown head is still the
    parent. `waiting_id`: the start claims the waiting prompt, and only while the queue is not
    paused. `event_hash`: the prompt is the first of its `event_id`, or the start fails with a
    unique violation. `owner` may be nobody: the response waits for a worker.
    """

    info: ResponseInfo
    user_id: int
    parent_id: str | None
    items: Sequence[Item]
    first_batch: Batch
    owner: str
    lease_seconds: float
    title: str
    provider: str
    shown_parent: bool = False
    origin: str | None = None
    login: Identity | None = None
    waiting_id: int | None = None
    event_hash: str | None = None
    intent_ids: Sequence[int] = ()
    connection_ids: Sequence[str] = ()


class Opened(NamedTuple):
    """`title` is the conversation's new one, None if it had one."""

    title: str | None


# Joined, not asked in sub-selects: when another start held the row, Postgres checks the conditions
# again on the row as it is then, and cannot run a deleting part of the statement a second time.
_CLAIM_CONVERSATION = """
conversation AS (
    UPDATE chat_conversation AS held
       SET next_position = held.next_position + %(count)s,
           shown_id = CASE WHEN %(follows_shown)s AND held.shown_id IS DISTINCT FROM %(parent_id)s
                           THEN held.shown_id ELSE %(id)s END,
           title = CASE WHEN held.title = '' THEN %(title)s ELSE held.title END,
           queue_paused = held.queue_paused AND (%(waiting_id)s::bigint IS NOT NULL
                                                 OR %(follows_shown)s),
           updated_at = now()
      FROM (SELECT id, title FROM chat_conversation WHERE id = %(conversation_id)s) AS before
           CROSS JOIN (SELECT count(*) AS found FROM waiting) AS waiting_now
           CROSS JOIN (SELECT count(*) AS found FROM intents) AS taken
     WHERE held.id = before.id AND held.owner_id = %(user_id)s
       AND (NOT %(shown_parent)s OR held.shown_id IS NOT DISTINCT FROM %(parent_id)s)
       AND (%(waiting_id)s::bigint IS NULL OR (NOT held.queue_paused AND waiting_now.found = 1))
       AND taken.found = %(intent_count)s
    RETURNING held.id, held.next_position - %(count)s AS base,
              CASE WHEN before.title = '' THEN held.title END AS new_title
)
"""
_MAKE_CONVERSATION = f"""
conversation AS (
    INSERT INTO chat_conversation (id, owner_id, origin, title, next_position, shown_id)
    SELECT %(conversation_id)s, %(user_id)s, %(origin)s, %(title)s, %(count)s, %(id)s
     WHERE {access.HOLDS}
    RETURNING id, 0 AS base, title AS new_title
)
"""
_START = """
WITH waiting AS (
    SELECT id FROM chat_waitingprompt WHERE id = %(waiting_id)s FOR UPDATE
), intents AS (
    SELECT id FROM intent WHERE id = ANY(%(intent_ids)s) FOR UPDATE
), {conversation}, response AS (
    INSERT INTO chat_response (id, conversation_id, parent_id, previous_response_id, created_by_id,
                               event_ids, status, model, provider, request, metadata, created_at,
                               connection_ids)
    SELECT %(id)s, conversation.id, %(parent_id)s, %(previous_response_id)s, %(user_id)s,
           %(event_ids)s, %(status)s, %(model)s, %(provider)s, %(request)s, %(metadata)s,
           to_timestamp(%(created_at)s), %(connection_ids)s
      FROM conversation
), kept_items AS (
    INSERT INTO chat_item (id, conversation_id, response_id, position, direction, type, role,
                           status, body, text)
    SELECT item.id, conversation.id, %(id)s, conversation.base + item.place - 1, 'input',
           item.type, item.role, item.status, item.body::jsonb, item.text
      FROM conversation,
           unnest(%(item_ids)s::text[], %(types)s::text[], %(roles)s::text[], %(statuses)s::text[],
                  %(bodies)s::text[], %(texts)s::text[])
           WITH ORDINALITY AS item (id, type, role, status, body, text, place)
), leased AS (
    INSERT INTO lease (response_id, owner, attempt, until)
    SELECT %(id)s, %(owner)s, %(attempt)s, now() + make_interval(secs => %(lease_seconds)s)
      FROM conversation
), logged AS (
    INSERT INTO log (response_id, first_number, last_number, events)
    SELECT %(id)s, %(first_number)s, %(last_number)s, %(events)s FROM conversation
), used AS (
    DELETE FROM intent USING conversation WHERE intent.id = ANY(%(intent_ids)s)
), left_queue AS (
    DELETE FROM chat_waitingprompt USING conversation
     WHERE chat_waitingprompt.id = %(waiting_id)s
), {received}
SELECT new_title FROM conversation
"""
_RECEIVE = "received AS (" + RECEIVE.format(source="conversation") + ")"
# A waiting prompt was received when it began to wait.
_RECEIVED_BEFORE = """received AS (
    UPDATE chat_receivedevent SET answer = %(answer)s FROM conversation
     WHERE user_id = %(user_id)s AND event_id = %(event_id)s
)"""

_STARTS = {
    (made, waited): _START.format(
        conversation=_MAKE_CONVERSATION if made else _CLAIM_CONVERSATION,
        received=_RECEIVED_BEFORE if waited else _RECEIVE,
    )
    for made in (False, True)
    for waited in (False, True)
}


async def start_surely(pool: Pool, opening: Opening, patience_seconds: float) -> Opened | None:
    """As `start`, on a connection of its own; and when the answer is lost, find out.

    Raises one of `UNREACHABLE` when nothing was written, or when nobody could say for so long.
    """
    was_sent = False
    try:
        async with pool.connection() as connection:
            was_sent = True
            return await start(connection, opening)
    except UNREACHABLE:
        if was_sent and await _was_started(pool, opening.info.id, patience_seconds):
            return Opened(None)
        raise


async def _was_started(pool: Pool, response_id: str, patience_seconds: float) -> bool:
    """Whether a start whose answer was lost was committed: nobody else knows its id."""
    async with asyncio.timeout(patience_seconds):
        while True:
            try:
                found = await log.standing(pool, [response_id])
                return found[response_id].last_number >= 0
            except UNREACHABLE as error:
                logger.warning("Postgres is away, a start waits: %s", error)
                await asyncio.sleep(RETRY_SECONDS)


async def start(connection: Connection, opening: Opening) -> Opened | None:
    """Keep the prompt, the response, its lease and its first events. None: it was not to be had.

    Raises psycopg's `UniqueViolation` when the prompt's `event_id` was done before.
    """
    info = opening.info
    parameters = {
        **(access.parameters(opening.login) if opening.login else {}),
        **item_columns(opening.items),
        **batch_columns(opening.first_batch),
        "id": info.id,
        "conversation_id": info.conversation_id,
        "origin": opening.origin,
        "user_id": opening.user_id,
        "parent_id": opening.parent_id,
        "previous_response_id": info.previous_response_id,
        "event_ids": list(info.event_ids),
        "event_id": info.event_ids[0] if info.event_ids else None,
        "event_hash": opening.event_hash,
        "answer": Jsonb({"response_id": info.id}),
        "model": info.model,
        "provider": opening.provider,
        "request": Jsonb(dict(info.request)),
        "metadata": Jsonb(dict(info.metadata)),
        "created_at": info.created_at,
        "connection_ids": list(opening.connection_ids),
        "status": lifecycle.IN_PROGRESS if opening.owner else lifecycle.QUEUED,
        "owner": opening.owner,
        "attempt": 1 if opening.owner else 0,
        "lease_seconds": opening.lease_seconds if opening.owner else 0,
        "title": opening.title,
        "shown_parent": opening.shown_parent,
        "follows_shown": bool(opening.intent_ids),
        "waiting_id": opening.waiting_id,
        "intent_ids": list(opening.intent_ids),
        "intent_count": len(opening.intent_ids),
    }
    statement = _STARTS[opening.origin is not None, opening.waiting_id is not None]
    row = await (await connection.execute(statement, parameters)).fetchone()
    return Opened(row[0]) if row else None
