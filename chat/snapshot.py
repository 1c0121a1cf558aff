"""A conversation as it stands at one moment, with a number for each response to go on from.

One repeatable-read transaction and a fixed number of queries, however long the conversation.
"""

from typing import Any, NamedTuple

from chat.database import Pool
from chat.protocol import lifecycle, transcript
from chat.protocol.items import FUNCTION_CALL, FUNCTION_CALL_OUTPUT, MESSAGE, REASONING, Item
from chat.queries import RESPONSE_COLUMNS, StoredResponse, item_of, stored_response

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CONVERSATION = """
SELECT id, title, extract(epoch FROM created_at)::bigint, metadata, shown_id, queue_paused
  FROM chat_conversation WHERE id = %s AND owner_id = %s
"""
_RESPONSES = f"""
SELECT {RESPONSE_COLUMNS} FROM chat_response AS response
 WHERE response.conversation_id = %s ORDER BY response.created_at, response.id
"""
# Of an input that is larger, a snapshot has the beginning: twenty prompts of 10 MB are one frame.
MAX_INPUT_BYTES = 256 * 1024
SHOWN_CHARS = 16 * 1024
# The sizes that are known without decompressing are asked first. Images are not in the text, and
# what compresses well looks small; but nothing is compressed to less than a 255th. OFFSET 0, or
# Postgres would ask once for each use of the answer.
_ITEMS = f"""
SELECT item.id, item.type, item.role, item.status,
       CASE WHEN is_large
            THEN jsonb_strip_nulls(jsonb_build_object(
                     'call_id', item.body->'call_id', 'name', left(item.body->>'name', 200)))
            ELSE item.body END,
       item.response_id, item.direction,
       CASE WHEN is_large
            THEN left(coalesce(item.body->>'arguments', item.text), {SHOWN_CHARS}) END,
       CASE WHEN is_large THEN length(item.text) END
  FROM chat_item AS item
 CROSS JOIN LATERAL (
           SELECT item.direction = 'input'
                  AND CASE WHEN octet_length(item.text) > {MAX_INPUT_BYTES} THEN true
                           WHEN pg_column_size(item.body) > {MAX_INPUT_BYTES} THEN true
                           WHEN pg_column_size(item.body) < {MAX_INPUT_BYTES // 256} THEN false
                           ELSE octet_length(item.body::text) > {MAX_INPUT_BYTES} END
           OFFSET 0) AS size (is_large)
 WHERE item.conversation_id = %s ORDER BY item.position
"""
_LIVE_LOG = """
SELECT log.response_id, log.last_number, log.events
  FROM log JOIN chat_response AS response ON response.id = log.response_id
 WHERE response.conversation_id = %s AND response.status = ANY(%s)
 ORDER BY log.response_id, log.first_number
"""
_QUEUED = """
SELECT event_id, user_id, request->>'preview' FROM chat_waitingprompt
 WHERE conversation_id = %s ORDER BY id
"""
_FEEDBACK = """
SELECT feedback.response_id, feedback.item_id, feedback.rating, feedback.tags, feedback.comment
  FROM chat_feedback AS feedback JOIN chat_response AS response
    ON response.id = feedback.response_id
 WHERE response.conversation_id = %s AND feedback.user_id = %s
"""


async def snapshot(pool: Pool, user_id: int, conversation_id: str) -> dict[str, Any] | None:
    """The frame `interject:snapshot`, less `type`; None: no such conversation of the user's."""
    async with pool.connection() as connection:
        await connection.execute(_BEGIN)
        try:
            found = await connection.execute(_CONVERSATION, (conversation_id, user_id))
            conversation = await found.fetchone()
            if conversation is None:
                return None
            queries = (
                (_RESPONSES, (conversation_id,)),
                (_ITEMS, (conversation_id,)),
                (_LIVE_LOG, (conversation_id, sorted(lifecycle.LIVE))),
                (_QUEUED, (conversation_id,)),
                (_FEEDBACK, (conversation_id, user_id)),
            )
            responses, items, live, queued, feedback = [
                await (await connection.execute(query, parameters)).fetchall()
                for query, parameters in queries
            ]
        finally:
            await connection.execute("ROLLBACK")
    stored = [stored_response(row) for row in responses]
    numbers, texts = _live(live)
    return {
        "conversation": _conversation(conversation),
        "responses": [_response(each, numbers) for each in stored],
        "items": _items(stored, items, texts),
        "queued": [
            {"event_id": event_id, "position": place, "input": preview, "mine": owner == user_id}
            for place, (event_id, owner, preview) in enumerate(queued, 1)
        ],
        "feedback": [
            dict(zip(("response_id", "item_id", "rating", "tags", "comment"), row, strict=True))
            for row in feedback
        ],
    }


def _conversation(row: tuple[Any, ...]) -> dict[str, Any]:
    conversation_id, title, created_at, metadata, shown, paused = row
    return {
        "id": conversation_id,
        "object": "conversation",
        "title": title,
        "created_at": created_at,
        "metadata": metadata,
        "shown": shown,
        "queue_paused": paused,
    }


def _response(stored: StoredResponse, numbers: dict[str, int]) -> dict[str, Any]:
    known = stored.last_number
    if known is None:
        known = numbers.get(stored.info.id, -1)
    return {**stored.as_object(), "sequence_number": known}


def _live(rows: list[tuple[Any, ...]]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Of each live response: the last kept number, and its events."""
    numbers: dict[str, int] = {}
    texts: dict[str, list[str]] = {}
    for response_id, last_number, events in rows:
        numbers[response_id] = last_number
        texts.setdefault(response_id, []).extend(events.split("\n"))
    return numbers, texts


def _items(
    stored: list[StoredResponse], rows: list[tuple[Any, ...]], texts: dict[str, list[str]]
) -> list[Item]:
    """All items, by response, input before output; those being written with the text so far."""
    by_response: dict[str, list[Item]] = {each.info.id: [] for each in stored}
    for *columns, response_id, direction, beginning, text_chars in rows:
        item = item_of(columns)
        if beginning is not None:
            item = _cut(item, beginning, text_chars)
        by_response[response_id].append(_placed(item, response_id, direction))
    for response_id, events in texts.items():
        for item in transcript.fold(events):
            by_response[response_id].append(_placed(item, response_id, "output"))
    for items in by_response.values():
        outputs = (item for item in items if item["direction"] == "output")
        for index, item in enumerate(outputs):
            item["output_index"] = index
    return [item for items in by_response.values() for item in items]


def _cut(item: Item, beginning: str, text_chars: int) -> Item:
    """A large item: its small fields, the beginning of what a person would read, and a mark."""
    if item["type"] == MESSAGE and item["role"] == "assistant":
        part = {"type": "output_text", "text": beginning, "annotations": [], "logprobs": []}
        said: Item = {"content": [part]}
    elif item["type"] == MESSAGE:
        said = {"content": [{"type": "input_text", "text": beginning}]}
    elif item["type"] == REASONING:
        said = {"summary": [{"type": "summary_text", "text": beginning}]}
    else:
        field = _TEXT_FIELDS.get(item["type"])
        said = {field: beginning} if field else {}
    return {**item, **said, "interject": {"cut": True, "text_chars": text_chars}}


_TEXT_FIELDS = {FUNCTION_CALL: "arguments", FUNCTION_CALL_OUTPUT: "output"}


def _placed(item: Item, response_id: str, direction: str) -> Item:
    return {**item, "response_id": response_id, "direction": direction}


# Longer than any look at what ended lately reaches back: see `audience`.
LATELY_SECONDS = 60.0

_RESUMABLE = """
WITH known AS (
    SELECT min(created_at) AS since FROM chat_response WHERE id = ANY(%(named)s)
)
SELECT response.id,
       response.created_at < known.since AND response.status <> ALL(%(live)s),
       coalesce(response.last_number,
                (SELECT max(log.last_number) FROM log WHERE log.response_id = response.id), -1),
       (SELECT min(log.first_number) FROM log WHERE log.response_id = response.id),
       response.status <> ALL(%(live)s)
  FROM known, chat_response AS response
  JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
 WHERE conversation.id = %(conversation)s AND conversation.owner_id = %(user)s
   AND (response.created_at >= known.since
        OR response.status = ANY(%(live)s)
        OR response.ended_at > now() - make_interval(secs => %(lately)s))
 ORDER BY response.created_at, response.id
"""


class Resumption(NamedTuple):
    """Where to go on. `places`: of each response, the next number wanted and the highest kept.

    `ended`: responses that the client has to their end, with their last number; of those that ended
    before all that it named, only the latest.
    """

    places: dict[str, tuple[int, int]]
    ended: dict[str, int]


async def resume(
    pool: Pool, user_id: int, conversation_id: str, cursors: dict[str, int]
) -> Resumption | None:
    """What a client is to be shown that has been here before.

    `cursors`: of the responses that the client knows from some moment on, the last number that it
    has. One that began after the earliest of them and is not named is one that the client missed:
    the bus may have lost all of it. None: some cursor lies ahead of the log, or has expired, or its
    response is gone; send a snapshot.
    """
    parameters = {
        "named": list(cursors),
        "live": sorted(lifecycle.LIVE),
        "conversation": conversation_id,
        "user": user_id,
        "lately": LATELY_SECONDS,
    }
    async with pool.connection() as connection:
        rows = await (await connection.execute(_RESUMABLE, parameters)).fetchall()
    found = Resumption({}, {})
    for response_id, is_older, last, first, has_ended in rows:
        wanted = last + 1 if is_older else cursors.get(response_id, -1) + 1
        has_all = wanted == last + 1
        if wanted > last + 1 or (not has_all and (first is None or first > wanted)):
            return None
        if has_all and has_ended:
            found.ended[response_id] = last
        else:
            found.places[response_id] = (wanted, last)
    return found if cursors.keys() <= found.places.keys() | found.ended.keys() else None
