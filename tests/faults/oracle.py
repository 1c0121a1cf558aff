"""What must hold after a fault: everybody has one text, kept once, and nothing is left behind.

What each page shows (by the tests' reading, and by that of the page's own code), what Postgres
holds (items and log) and what upstream said are the same; the numbers have no hole and no double;
whatever ran has ended, and left no lease, no wish and no stream.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from tests.faults import reading
from tests.faults.page import Page
from tests.screen import TERMINAL
from tests.service import database_url
from tests.upstream import Seen, Upstream

END_SECONDS = 40.0
LOOK_SECONDS = 0.1
MOST_ASKED = 2  # A model is asked once more where nothing was kept of what it said.

_BUSY = """
SELECT (SELECT count(*) FROM chat_response WHERE conversation_id = %(id)s AND ended_at IS NULL),
       (SELECT count(*) FROM lease JOIN chat_response ON chat_response.id = response_id
         WHERE conversation_id = %(id)s),
       (SELECT count(*) FROM intent JOIN chat_response ON chat_response.id = response_id
         WHERE conversation_id = %(id)s),
       (SELECT count(*) FROM chat_waitingprompt JOIN chat_conversation AS conversation
            ON conversation.id = conversation_id
         WHERE conversation.id = %(id)s AND NOT queue_paused)
"""
_KEPT = """
SELECT response.id, response.status, response.incomplete_reason, response.last_number,
       coalesce((SELECT string_agg(text, '' ORDER BY position) FROM chat_item
                  WHERE response_id = response.id AND direction = 'output'
                    AND type = 'message'), ''),
       (SELECT text FROM chat_item WHERE response_id = response.id AND direction = 'input'
         ORDER BY position DESC LIMIT 1)
  FROM chat_response AS response WHERE conversation_id = %(id)s ORDER BY created_at, id
"""
_LOG = "SELECT first_number, last_number, events FROM log WHERE response_id = %s ORDER BY 1"


class Kept(NamedTuple):
    """A response as Postgres has it. `asked`: the last that the user said before it."""

    id: str
    status: str
    reason: str | None
    last_number: int
    text: str
    asked: str


async def judge(
    upstream: Upstream, conversation_id: str, pages: Iterable[Page] = (), *, most_asked: int = 1
) -> list[Kept]:
    """Wait until the conversation is at rest, and everybody has caught up; then compare.

    `most_asked`: how often the model may have been asked for one answer.
    """
    async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as postgres:
        await _at_rest(postgres, conversation_id)
        cursor = await postgres.execute(_KEPT, {"id": conversation_id})
        responses = [Kept(*row) for row in await cursor.fetchall()]
        for response in responses:
            _check_log(response, await (await postgres.execute(_LOG, (response.id,))).fetchall())
            _check_upstream(response, upstream, most_asked)
    for page in pages:
        await _check_page(page, responses)
    await upstream.quiet()
    return responses


async def _at_rest(postgres: psycopg.AsyncConnection[Any], conversation_id: str) -> None:
    """Nothing runs, is leased, is wanted, or waits and could start."""
    row: Any = None
    try:
        async with asyncio.timeout(END_SECONDS):
            while row != (0, 0, 0, 0):
                row = await (await postgres.execute(_BUSY, {"id": conversation_id})).fetchone()
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        left = await (await postgres.execute(_KEPT, {"id": conversation_id})).fetchall()
        raise AssertionError(f"running, leased, wanted, waiting: {row}; {left}") from None


def _check_log(response: Kept, rows: list[tuple[int, int, str]]) -> None:
    """Each number once, one end, and the text of the items."""
    events = []
    for first, last, text in rows:
        assert first == len(events), f"{response.id}: the log goes on with {first}"
        events += [json.loads(frame) for frame in text.split("\n")]
        assert last == len(events) - 1
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert len(events) - 1 == response.last_number
    assert [event["type"] in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]
    said = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(said) == response.text


def _check_upstream(response: Kept, upstream: Upstream, most_asked: int) -> None:
    """What was kept is what the model began to say, and all of it where the response completed."""
    asked = requests_for(upstream, response.asked)
    assert len(asked) <= most_asked, f"{response.asked!r} was asked {len(asked)} times"
    said = [seen.said for seen in asked]
    if response.status == "completed":
        whole = [seen.said for seen in asked if seen.answered_at is not None]
        assert response.text in whole, f"{response} is not the whole of {said}"
    elif response.text:
        assert any(each.startswith(response.text) for each in said), f"{response} is not of {said}"


async def _check_page(page: Page, responses: list[Kept]) -> None:
    if page.is_removed:
        return
    for response in responses:
        await page.until(
            lambda id=response.id, last=response.last_number: page.numbers.get(id) == last,
            f"{response.id} up to {response.last_number}",
        )
        assert page.text(response.id) == response.text
        assert page.endings[response.id]["status"] == response.status
    shown = await reading.shown(page, page.conversation_id)
    for id, status, _, last_number, text, _ in responses:
        assert shown[id] == {"text": text, "status": status, "number": last_number}, id


def requests_for(upstream: Upstream, prompt: str) -> list[Seen]:
    return [seen for seen in list(upstream.requests) if seen.prompt == prompt]
