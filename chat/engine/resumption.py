"""A response that was begun elsewhere, made a run of this process.

Either it waited for somebody to run it, or whoever ran it is gone. What was kept of it decides,
together with what is wanted of it; what is wanted comes first.
"""

from enum import Enum
from typing import NamedTuple

from chat import queries
from chat.database import Pool
from chat.engine import intents, log
from chat.engine.intents import Intent
from chat.engine.leases import Claimed
from chat.engine.run import Run
from chat.protocol import restoring
from chat.queries import StoredResponse

MAX_RERUNS = 1


class Next(Enum):
    """What is to be done with a response whose lease is ours now."""

    CANCEL = "end it as cancelled"
    STEER = "end it as steered, and start its successor"
    RUN = "run it"
    FREE = "let somebody run it anew"
    INTERRUPT = "end it as interrupted, with what it said"


class Found(NamedTuple):
    """What was kept of a response. `generates`: not a warm-up, which asks no model."""

    claimed: Claimed
    stored: StoredResponse
    generates: bool
    standing: restoring.Standing
    wishes: list[Intent]


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


async def find(pool: Pool, claimed: Claimed) -> Found | None:
    """What was kept of a response. None: it was deleted."""
    response_id = claimed.response_id
    stored = await queries.response(pool, response_id)
    if stored is None or stored.info.conversation_id is None:
        return None
    return Found(
        claimed,
        stored,
        await queries.generates(pool, response_id),
        restoring.restored(await log.frames(pool, response_id)),
        await intents.wishes_for(pool, response_id),
    )


def grant(run: Run, wishes: list[Intent]) -> None:
    """Have the run do what is wanted of it, before it does anything else."""
    for wish in wishes:
        if wish.kind == intents.CANCEL:
            run.cancel(wish.payload)
    for wish in wishes:
        if wish.kind == intents.STEER:
            run.steer(wish)
