"""What lies in the database before the servers start: tables, accounts, long conversations.

A process of its own, for whoever holds a connection to the template keeps it from being copied:
`python -m tests.bench.stored --accounts N --items N …` prints one line of JSON: `keys`, an API key
of each account; `cookie`, a session of the first one; `conversations`, one of each length, the
first account's; `queries`, how many it takes to open each.
"""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from chat.database import make_pool  # noqa: E402
from chat.models import Conversation, Item, Response, User  # noqa: E402
from chat.protocol import ids  # noqa: E402
from chat.snapshot import snapshot  # noqa: E402
from tests.service import new_account  # noqa: E402

TEXT = "An ordinary sentence of some sixty characters, not more than that. " * 8
SIDES = (("input", "user", "input_text"), ("output", "assistant", "output_text"))


@transaction.atomic
def make_conversation(user: User, length: int) -> str:
    """A conversation of so many items, prompt and answer in turn. Returns its id."""
    conversation = Conversation.objects.create(
        owner=user, title=f"{length} items", next_position=length
    )
    responses: list[Response] = []
    for number in range(length // len(SIDES)):
        parent_id = responses[-1].id if responses else None
        responses.append(_response(conversation, number, parent_id))
    Response.objects.bulk_create(responses)
    Item.objects.bulk_create(_items(conversation, responses))
    Conversation.objects.filter(id=conversation.id).update(shown=responses[-1])
    return str(conversation.id)


def _response(conversation: Conversation, number: int, parent_id: str | None) -> Response:
    now = timezone.now()
    return Response(
        id=ids.response_id(),
        conversation=conversation,
        parent_id=parent_id,
        created_by_id=conversation.owner_id,
        status="completed",
        model="bench",
        provider="chat_completions",
        input_tokens=10 * number,
        output_tokens=100,
        created_at=now,
        ended_at=now,
        last_number=20,
    )


def _items(conversation: Conversation, responses: Sequence[Response]) -> list[Item]:
    return [
        Item(
            id=ids.message_id(),
            conversation=conversation,
            response=response,
            position=len(SIDES) * number + side,
            direction=direction,
            type="message",
            role=role,
            body={"content": [{"type": part, "text": TEXT}]},
            text=TEXT,
        )
        for number, response in enumerate(responses)
        for side, (direction, role, part) in enumerate(SIDES)
    ]


class CountingPool:
    """A pool that counts the statements of its connections."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.queries = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._pool.connection() as connection:
            yield _Counting(connection, self)


class _Counting:
    def __init__(self, connection: Any, counter: CountingPool) -> None:
        self._connection = connection
        self._counter = counter

    async def execute(self, *arguments: Any) -> Any:
        self._counter.queries += 1
        return await self._connection.execute(*arguments)


async def queries_to_open(user_id: int, conversation_ids: Sequence[str]) -> list[int]:
    """How many queries the snapshot of each conversation takes."""
    pool = make_pool(2)
    await pool.open(wait=True)
    counts = []
    try:
        for conversation_id in conversation_ids:
            counting: Any = CountingPool(pool)
            assert await snapshot(counting, user_id, conversation_id) is not None
            counts.append(counting.queries)
    finally:
        await pool.close()
    return counts


def _prepare(accounts: int, lengths: Sequence[int]) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    made = [new_account() for _ in range(accounts)]
    owner = made[0].user
    conversations = [make_conversation(owner, length) for length in lengths]
    return {
        "keys": [account.key for account in made],
        "cookie": made[0].session_cookie(),
        "conversations": conversations,
        "queries": asyncio.run(queries_to_open(owner.pk, conversations)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--items", type=int, nargs="+", required=True)
    arguments = parser.parse_args()
    print(json.dumps(_prepare(arguments.accounts, arguments.items)))
