"""A response's first and last words to the database, each one statement.

Owns the writing of responses, their items and their leases. Every statement claims before it
writes: what it finds changed, it leaves alone, and its empty answer says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from chat.protocol import lifecycle
from chat.protocol.batch import Batch
from chat.protocol.events import Ending, ResponseInfo, encode_json
from chat.protocol.items import Item, plain_text
from chat.received import RECEIVE

Connection = AsyncConnection[tuple[Any, ...]]


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a response starts with.

    `info.conversation_id` exists, unless `origin` is given: then it is made. `shown_parent`: the
    start claims the conversation only while its shown head is still the parent. `waiting_id`: the
    start claims the waiting prompt, and only while the queue is not paused. `event_hash`: the
    prompt is the first of its `event_id`, or the start fails with a unique violation. `owner` may
    be nobody: the response waits for a worker.
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
    waiting_id: int | None = None
    event_hash: str | None = None
    intent_ids: Sequence[int] = ()
    connection_ids: Sequence[str] = ()


class Opened(NamedTuple):
    """`title` is the conversation's new one, None if it had one."""

    title: str | None


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a response ends with."""

    response_id: str
    owner: str
    attempt: int
    last_batch: Batch
    ending: Ending
    items: Sequence[Item]
    usage: Mapping[str, Any]
    first_delta_at: float | None
    receipt: Mapping[str, Any] | None
    successor_id: str | None = None
    provider: str
    switches: Sequence[Mapping[str, Any]] = ()
    cache: str = ""


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
_MAKE_CONVERSATION = """
conversation AS (
    INSERT INTO chat_conversation (id, owner_id, origin, title, next_position, shown_id)
    VALUES (%(conversation_id)s, %(user_id)s, %(origin)s, %(title)s, %(count)s, %(id)s)
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

# When it ended by the clock of the process, as its last event says; unless that clock is wrong, or
# the end had to wait for Postgres. Viewers are told of what ended lately: it must be dated so.
_ENDED_AT = """
CASE WHEN abs(extract(epoch FROM clock_timestamp())::float8 - %(ended_at)s::float8) < 2.0
     THEN to_timestamp(%(ended_at)s::float8) ELSE clock_timestamp() END
"""
_FINISH = f"""
WITH mine AS (
    SELECT response_id FROM lease
     WHERE response_id = %(id)s AND owner = %(owner)s AND attempt = %(attempt)s
       FOR UPDATE
), ended AS (
    UPDATE chat_response
       SET status = %(status)s, incomplete_reason = %(reason)s, error = %(error)s,
           receipt = %(receipt)s, successor_id = %(successor_id)s,
           provider = %(provider)s, switches = %(switches)s, cache = %(cache)s,
           input_tokens = %(input_tokens)s, cached_tokens = %(cached_tokens)s,
           output_tokens = %(output_tokens)s, reasoning_tokens = %(reasoning_tokens)s,
           usage_estimated = %(usage_estimated)s,
           first_delta_at = to_timestamp(%(first_delta_at)s),
           ended_at = {_ENDED_AT}, last_number = %(last_number)s
      FROM mine WHERE chat_response.id = mine.response_id
    RETURNING conversation_id
), logged AS (
    INSERT INTO log (response_id, first_number, last_number, events)
    SELECT %(id)s, %(first_number)s, %(last_number)s, %(events)s FROM mine
), released AS (
    DELETE FROM lease USING mine WHERE lease.response_id = mine.response_id
), cancels AS (
    DELETE FROM intent USING mine
     WHERE intent.response_id = mine.response_id AND kind = 'cancel'
       AND %(successor_id)s::text IS NULL  -- With a successor they mean that.
), conversation AS (
    UPDATE chat_conversation
       SET next_position = next_position + %(count)s, updated_at = now(),
           queue_paused = queue_paused OR %(pauses)s
      FROM ended WHERE chat_conversation.id = ended.conversation_id
    RETURNING id, next_position - %(count)s AS base
), kept_items AS (
    INSERT INTO chat_item (id, conversation_id, response_id, position, direction, type, role,
                           status, body, text)
    SELECT item.id, conversation.id, %(id)s, conversation.base + item.place - 1, 'output',
           item.type, item.role, item.status, item.body::jsonb, item.text
      FROM conversation,
           unnest(%(item_ids)s::text[], %(types)s::text[], %(roles)s::text[], %(statuses)s::text[],
                  %(bodies)s::text[], %(texts)s::text[])
           WITH ORDINALITY AS item (id, type, role, status, body, text, place)
)
SELECT EXISTS (SELECT FROM chat_waitingprompt
                WHERE chat_waitingprompt.conversation_id = ended.conversation_id)
  FROM ended
"""


async def start(connection: Connection, opening: Opening) -> Opened | None:
    """Keep the prompt, the response, its lease and its first events. None: it was not to be had.

    Raises psycopg's `UniqueViolation` when the prompt's `event_id` was done before.
    """
    info = opening.info
    parameters = {
        **_item_columns(opening.items),
        **_batch_columns(opening.first_batch),
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


async def finish(connection: Connection, closing: Closing) -> bool | None:
    """Keep the response's end, if it is still ours. None: it is not, and nothing was written.

    Otherwise whether prompts wait in its conversation.
    """
    ending, usage = closing.ending, closing.usage
    parameters = {
        **_item_columns(closing.items),
        **_batch_columns(closing.last_batch),
        "id": closing.response_id,
        "owner": closing.owner,
        "attempt": closing.attempt,
        "status": ending.status,
        "reason": ending.reason,
        "error": Jsonb(dict(ending.error)) if ending.error else None,
        "receipt": Jsonb(dict(closing.receipt)) if closing.receipt else None,
        "successor_id": closing.successor_id,
        "provider": closing.provider,
        "switches": Jsonb(list(closing.switches)),
        "cache": closing.cache,
        "input_tokens": usage["input_tokens"],
        "cached_tokens": usage["input_tokens_details"]["cached_tokens"],
        "output_tokens": usage["output_tokens"],
        "reasoning_tokens": usage["output_tokens_details"]["reasoning_tokens"],
        "usage_estimated": usage.get("estimated", False),
        "first_delta_at": closing.first_delta_at,
        "ended_at": ending.ended_at,
        "pauses": ending.status == "cancelled",
    }
    row = await (await connection.execute(_FINISH, parameters)).fetchone()
    return row[0] if row else None


def _item_columns(items: Sequence[Item]) -> dict[str, Any]:
    return {
        "count": len(items),
        "item_ids": [item["id"] for item in items],
        "types": [item["type"] for item in items],
        "roles": [item.get("role") for item in items],
        "statuses": [item.get("status", "completed") for item in items],
        "bodies": [body_text(item) for item in items],
        "texts": [plain_text(item) for item in items],
    }


def _batch_columns(batch: Batch) -> dict[str, Any]:
    return {
        "first_number": batch.first_number,
        "last_number": batch.last_number,
        "events": batch.text,
    }


def body_text(item: Item) -> str:
    """What of an item has no column of its own, as JSON."""
    own = ("id", "type", "role", "status")
    return encode_json({name: value for name, value in item.items() if name not in own}).decode()
