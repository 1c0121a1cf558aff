"""What a prompt and a control message find: their login, their conversation, their response.

Each respects access: what is not the asker's looks as if it did not exist.
"""

from typing import NamedTuple

from chat import access
from chat.access import Identity
from chat.database import Pool


class ParentState(NamedTuple):
    """What a prompt must know of the response that it continues."""

    id: str
    conversation_id: str
    status: str


class Standing(NamedTuple):
    """What a prompt finds. `holds`: the asker's login is still good.

    `others_go_on`: prompts wait in the conversation and will go on by themselves, which they do
    not while the function calls that the parent ended with want their outputs. `parent_calls`:
    the `call_id`s of those.
    """

    holds: bool
    conversation_id: str | None
    queue_length: int
    others_go_on: bool
    parent: ParentState | None
    parent_calls: list[str]


_STANDING_COLUMNS = f"""
SELECT {access.HOLDS}, conversation.id,
       (SELECT count(*) FROM chat_waitingprompt WHERE conversation_id = conversation.id),
       coalesce(conversation.queue_paused, true), parent.id, parent.conversation_id, parent.status,
       ARRAY(SELECT body->>'call_id' FROM chat_item
              WHERE response_id = parent.id AND direction = 'output' AND type = 'function_call'
                AND status = 'completed' ORDER BY position)
  FROM (SELECT) AS asked
"""
_STANDING_OF_CONVERSATION = f"""{_STANDING_COLUMNS}
  LEFT JOIN chat_conversation AS conversation
    ON conversation.id = %(conversation_id)s AND conversation.owner_id = %(user_id)s
  LEFT JOIN chat_response AS parent ON parent.id = conversation.shown_id
"""
_STANDING_OF_PARENT = f"""{_STANDING_COLUMNS}
  LEFT JOIN (chat_response AS parent
             JOIN chat_conversation AS conversation ON conversation.id = parent.conversation_id)
    ON parent.id = %(response_id)s AND conversation.owner_id = %(user_id)s
"""


async def standing(
    pool: Pool,
    identity: Identity,
    *,
    conversation_id: str | None = None,
    response_id: str | None = None,
) -> Standing:
    """What a prompt finds: its login, its conversation, and the response that it would continue.

    By conversation, the parent is the head of the branch that is shown.
    """
    statement = _STANDING_OF_PARENT if response_id else _STANDING_OF_CONVERSATION
    parameters = {
        **access.parameters(identity),
        "conversation_id": conversation_id,
        "response_id": response_id,
    }
    async with pool.connection() as connection:
        row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    holds, found, queue_length, paused, parent_id, *rest, calls = row
    parent = ParentState(parent_id, *rest) if parent_id else None
    others_go_on = queue_length > 0 and not paused and not calls
    return Standing(holds, found, queue_length, others_go_on, parent, calls)


class Target(NamedTuple):
    """The response that a control message means."""

    holds: bool
    response_id: str | None
    conversation_id: str | None
    status: str | None


# What ended as steered means its successor, and so on: both sides of the race name the same run.
_TARGET = f"""
WITH RECURSIVE chain AS (
    SELECT response.id, response.conversation_id, response.status, response.successor_id, 0 AS step
      FROM chat_response AS response
      JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
     WHERE response.id = %(response_id)s AND conversation.owner_id = %(user_id)s
    UNION ALL
    SELECT next.id, next.conversation_id, next.status, next.successor_id, chain.step + 1
      FROM chain JOIN chat_response AS next ON next.id = chain.successor_id
     WHERE chain.status = 'incomplete'
)
SELECT {access.HOLDS}, last.id, last.conversation_id, last.status
  FROM (SELECT) AS asked
  LEFT JOIN (SELECT * FROM chain ORDER BY step DESC LIMIT 1) AS last ON true
"""


async def target(pool: Pool, identity: Identity, response_id: str) -> Target:
    """The live end of a chain of steered responses, or the response itself."""
    parameters = {**access.parameters(identity), "response_id": response_id}
    async with pool.connection() as connection:
        row = await (await connection.execute(_TARGET, parameters)).fetchone()
    assert row is not None
    return Target(*row)
