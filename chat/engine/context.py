"""What a provider is asked for a response: everything that was said on its branch, in order."""

import asyncio
import logging
from collections.abc import Sequence

from chat.database import UNREACHABLE, Pool
from chat.engine import prompt
from chat.engine.prompt import Prompt
from chat.engine.run import Run
from chat.protocol import transcript
from chat.protocol.items import Item
from chat.providers.base import ModelRequest
from chat.queries import branch_items

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25


async def of_prompt(pool: Pool, run: Run, asked: Prompt) -> ModelRequest:
    """For a prompt that is at hand, and what precedes it."""
    before = await _branch(pool, asked.parent_id) if asked.parent_id else []
    return _request(run, [*before, *asked.context, *asked.items])


def of_kept(run: Run, said: Sequence[Item]) -> ModelRequest:
    """For a response that was begun elsewhere: its branch ends with its own input."""
    return _request(run, said)


def _request(run: Run, said: Sequence[Item]) -> ModelRequest:
    items = transcript.context(said)
    instructions = run.info.request.get("instructions") or ""
    run.input_chars = transcript.chars(items) + len(instructions)
    return prompt.model_request(run.info, items)


async def _branch(pool: Pool, response_id: str) -> list[Item]:
    while True:
        try:
            return await branch_items(pool, response_id)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a response waits for its context: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
