"""A response's last words to the database, one statement.

It claims before it writes: only who holds the lease ends the response.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from chat.database import Connection
from chat.engine.columns import batch_columns, item_columns
from chat.protocol.batch import Batch
from chat.protocol.events import Ending
from chat.protocol.items import Item


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


async def finish(connection: Connection, closing: Closing) -> bool | None:
    """Keep the response's end, if it is still ours. None: it is not, and nothing was written.

    Otherwise whether prompts wait in its conversation.
    """
    ending, usage = closing.ending, closing.usage
    parameters = {
        **item_columns(closing.items),
        **batch_columns(closing.last_batch),
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
