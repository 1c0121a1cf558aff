"""Reads. Each respects access: what is not the asker's looks as if it did not exist."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chat.database import Pool
from chat.protocol.deltas import Usage
from chat.protocol.events import Ending, ResponseInfo, counted_usage, response_object
from chat.protocol.items import Item

RESPONSE_COLUMNS = """
    response.id, extract(epoch FROM response.created_at)::float8, response.model,
    response.request, response.metadata, response.conversation_id, response.previous_response_id,
    response.event_ids,
    (SELECT username FROM chat_user WHERE chat_user.id = response.created_by_id),
    response.status, response.incomplete_reason, response.error,
    extract(epoch FROM response.ended_at)::float8, response.input_tokens, response.cached_tokens,
    response.output_tokens, response.reasoning_tokens, response.usage_estimated,
    response.last_number, response.parent_id, response.provider, response.switches,
    response.cache
"""

ITEM_COLUMNS = "item.id, item.type, item.role, item.status, item.body"

_BRANCH = f"""
WITH RECURSIVE branch AS (
    SELECT id, parent_id, 0 AS depth FROM chat_response WHERE id = %s
    UNION ALL
    SELECT response.id, response.parent_id, branch.depth + 1
      FROM branch JOIN chat_response AS response ON response.id = branch.parent_id
)
SELECT {ITEM_COLUMNS}
  FROM branch JOIN chat_item AS item ON item.response_id = branch.id
 ORDER BY branch.depth DESC, item.position
"""


async def branch_items(pool: Pool, response_id: str) -> list[Item]:
    """Everything that was said from the root of the branch to the end of the response."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_BRANCH, (response_id,))
        return [item_of(row) for row in await cursor.fetchall()]


_REFERENCED = f"""
SELECT {ITEM_COLUMNS}
  FROM chat_item AS item JOIN chat_conversation ON chat_conversation.id = item.conversation_id
 WHERE item.id = ANY(%s) AND chat_conversation.owner_id = %s
"""


async def referenced_items(pool: Pool, user_id: int, item_ids: Sequence[str]) -> dict[str, Item]:
    """The items that references name, by id; those of others are not there."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_REFERENCED, (list(item_ids), user_id))
        return {row[0]: item_of(row) for row in await cursor.fetchall()}


def item_of(row: Sequence[Any]) -> Item:
    """An item as it goes over the wire, from its columns."""
    item_id, kind, role, status, body = row
    item: Item = {"type": kind, "id": item_id, "status": status}
    if role is not None:
        item["role"] = role
    item.update(body)
    return item


class StoredResponse(NamedTuple):
    """A response, as kept. `last_number` is None while it runs.

    `provider` is who answered, in the end; `switches` are shown as soon as they are made.
    """

    info: ResponseInfo
    status: str
    ending: Ending | None
    usage: dict[str, Any] | None
    last_number: int | None
    parent_id: str | None
    provider: str
    switches: list[dict[str, Any]]
    cache: str

    def as_object(self, output: Sequence[Item] = ()) -> dict[str, Any]:
        return response_object(
            self.info,
            status=self.status,
            output=output,
            usage=self.usage,
            ending=self.ending,
            provider=self.provider if self.ending else None,
            switches=self.switches,
            cache=self.cache,
        )


def stored_response(row: Sequence[Any]) -> StoredResponse:
    """A response from the columns of `RESPONSE_COLUMNS`."""
    (
        response_id, created_at, model, request, metadata, conversation_id, previous_response_id,
        event_ids, created_by, status, reason, error, ended_at, input_tokens, cached_tokens,
        output_tokens, reasoning_tokens, usage_estimated, last_number, parent_id, provider,
        switches, cache,
    ) = row  # fmt: skip
    info = ResponseInfo(
        id=response_id,
        created_at=created_at,
        model=model,
        request=request,
        metadata=metadata,
        conversation_id=conversation_id,
        previous_response_id=previous_response_id,
        event_ids=event_ids,
        created_by=created_by,
    )
    ending = None
    if ended_at is not None:
        ending = Ending(status=status, ended_at=ended_at, reason=reason, error=error)
    usage = None
    if input_tokens is not None:
        counts = Usage(input_tokens, output_tokens, cached_tokens, reasoning_tokens)
        usage = counted_usage(counts, estimated=usage_estimated)
    return StoredResponse(
        info, status, ending, usage, last_number, parent_id, provider, switches, cache
    )


_RECEIPT = f"""
SELECT {RESPONSE_COLUMNS}, response.receipt,
       (SELECT coalesce(sum(length(text)), 0) FROM chat_item
         WHERE response_id = response.id AND direction = 'output')
  FROM chat_response AS response
  JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
 WHERE response.id = %s AND conversation.owner_id = %s
"""


async def receipt(
    pool: Pool, user_id: int, response_id: str
) -> tuple[StoredResponse, dict[str, Any], int] | None:
    """An ended response, who cancelled it, and how many characters of it were kept."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_RECEIPT, (response_id, user_id))).fetchone()
    if row is None:
        return None
    return stored_response(row[:-2]), row[-2] or {}, row[-1]


_QUEUE = """
SELECT waiting.event_id, waiting.user_id, waiting.request->>'preview'
  FROM chat_waitingprompt AS waiting WHERE waiting.conversation_id = %s ORDER BY waiting.id
"""


async def queue(pool: Pool, conversation_id: str) -> list[dict[str, Any]]:
    """The prompts that wait, in order; positions count from 1."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(_QUEUE, (conversation_id,))).fetchall()
    return [
        {"event_id": event_id, "user_id": user_id, "input": preview, "position": place}
        for place, (event_id, user_id, preview) in enumerate(rows, 1)
    ]


_RESPONSE = f"""
SELECT {RESPONSE_COLUMNS} FROM chat_response AS response WHERE response.id = %s
"""
_OUTPUT = f"""
SELECT {ITEM_COLUMNS} FROM chat_item AS item
 WHERE item.response_id = %s AND item.direction = 'output' ORDER BY item.position
"""


async def response(pool: Pool, response_id: str) -> StoredResponse | None:
    """A response, for the engine: access was checked when somebody asked for it."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_RESPONSE, (response_id,))).fetchone()
    return stored_response(row) if row else None


async def output_items(pool: Pool, response_id: str) -> list[Item]:
    async with pool.connection() as connection:
        cursor = await connection.execute(_OUTPUT, (response_id,))
        return [item_of(row) for row in await cursor.fetchall()]


_RESPONSE_OF_EVENT = """
SELECT answer->>'response_id' FROM chat_receivedevent WHERE user_id = %s AND event_id = %s
"""


async def response_of_event(pool: Pool, user_id: int, event_id: str) -> str | None:
    """The response that a prompt of the user's became, by the prompt's `event_id`."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_RESPONSE_OF_EVENT, (user_id, event_id))).fetchone()
    return row[0] if row else None
