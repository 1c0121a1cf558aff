"""A response that was begun elsewhere, made a run of this process.

Either it waited for somebody to run it, or whoever ran it is gone. What was kept of it decides,
together with what is wanted of it; what is wanted comes first.
"""

from enum import Enum
from typing import NamedTuple

from chat.database import Pool
from chat.engine import intents
from chat.engine.intents import Intent
from chat.engine.leases import Claimed
from chat.engine.run import Run
from chat.protocol import restoring
from chat.protocol.items import Item
from chat.providers.silent import SILENT
from chat.queries import (
    ITEM_COLUMNS,
    RESPONSE_COLUMNS,
    StoredResponse,
    item_of,
    stored_response,
)

MAX_RERUNS = 1


class Next(Enum):
    """What is to be done with a response whose lease is ours now."""

    CANCEL = "end it as cancelled"
    STEER = "end it as steered, and start its successor"
    RUN = "run it"
    FREE = "let somebody run it anew"
    INTERRUPT = "end it as interrupted, with what it said"


class Found(NamedTuple):
    """What was kept of a response. `generates`: not a warm-up, which asks no model.

    `said`: on its branch, up to its own input.
    """

    claimed: Claimed
    stored: StoredResponse
    generates: bool
    standing: restoring.Standing
    wishes: list[Intent]
    said: list[Item]


def next_step(*, waited: bool, said: bool, reruns: int, wanted: set[str]) -> Next:
    """`waited`: nobody ran it; otherwise its owner is gone. `said`: the model said something.

    A model is asked again only if nothing of its answer was kept, and once.
    """
    if intents.CANCEL in wanted:
        return Next.CANCEL
    if intents.STEER in wanted:
        return Next.STEER
    if waited:
        return Next.RUN
    if not said and reruns < MAX_RERUNS:
        return Next.FREE
    return Next.INTERRUPT


# In one statement: each worker asks so for each response that it takes. What waited runs from here
# on; who looks at a row that somebody holds sees it wait a little longer.
_FIND = f"""
WITH begun AS (
    UPDATE chat_response SET status = 'in_progress'
     WHERE id = (SELECT id FROM chat_response WHERE id = %(id)s AND status = 'queued'
                    FOR UPDATE SKIP LOCKED)
)
SELECT {RESPONSE_COLUMNS},
       (SELECT string_agg(events, E'\\n' ORDER BY first_number) FROM log
         WHERE log.response_id = response.id),
       (SELECT jsonb_agg(jsonb_build_array(id, kind, payload) ORDER BY id) FROM intent
         WHERE intent.response_id = response.id AND NOT payload ? 'held'),
       (WITH RECURSIVE branch AS (
            SELECT response.id, response.parent_id, 0 AS depth
            UNION ALL
            SELECT before.id, before.parent_id, branch.depth + 1
              FROM branch JOIN chat_response AS before ON before.id = branch.parent_id)
        SELECT json_agg(json_build_array({ITEM_COLUMNS}) ORDER BY branch.depth DESC, item.position)
          FROM branch JOIN chat_item AS item ON item.response_id = branch.id)
  FROM chat_response AS response WHERE response.id = %(id)s
"""


async def find(pool: Pool, claimed: Claimed) -> Found | None:
    """What was kept of a response. None: it was deleted."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_FIND, {"id": claimed.response_id})
        row = await cursor.fetchone()
    if row is None:
        return None
    *columns, events, wishes, said = row
    stored = stored_response(columns)
    return Found(
        claimed,
        stored,
        stored.provider != SILENT.name,
        restoring.restored(events.split("\n") if events else ()),
        [
            Intent(intent_id, stored.info.id, kind, payload, None, None, None)
            for intent_id, kind, payload in wishes or ()
        ],
        [item_of(each) for each in said or ()],
    )


def grant(run: Run, wishes: list[Intent]) -> None:
    """Have the run do what is wanted of it, before it does anything else."""
    for wish in wishes:
        if wish.kind == intents.CANCEL:
            run.cancel(wish.payload)
    for wish in wishes:
        if wish.kind == intents.STEER:
            run.steer(wish)
