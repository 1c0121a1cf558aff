"""Many followers of one response: what a token costs that is delivered to each of them."""

import asyncio
import json
from typing import Any

from tests.bench.joins import CREATED, SNAPSHOT
from tests.bench.plan import Plan
from tests.bench.sockets import close_all, connect_all
from tests.bench.streams import ENDS, SLACK_SECONDS, Target, cpu_of, delivered, spent

# For all to be there before the first token.
EACH_SECONDS = 0.02
LEAST_SECONDS = 2.0


async def measure(target: Target, tag: str, count: int, tokens: int) -> dict[str, Any]:
    """Server CPU in µs for each token delivered to each of `count`, who asked being one of them.

    Raises ValueError when somebody's text is not what upstream said.
    """
    waits = LEAST_SECONDS + EACH_SECONDS * count
    plan = Plan(tag, tokens, 50, first_seconds=waits)
    sockets = await connect_all(target.addresses(1) * count)
    own, *others = sockets
    own.send(target.prompt(plan))
    created = json.loads((await own.until(CREATED, since=0)).payload)
    conversation_id = created["response"]["conversation"]["id"]
    follow = json.dumps({"type": "interject:follow", "conversation": conversation_id})
    for each in others:
        each.send(follow)
        await each.until(SNAPSHOT, since=0)
    before = cpu_of(target.pids)
    seconds = plan.seconds + SLACK_SECONDS
    await asyncio.gather(*(each.until(*ENDS, since=0, seconds=seconds) for each in sockets))
    cost = spent(before, cpu_of(target.pids))
    close_all(sockets)
    for place, each in enumerate(sockets):
        if delivered(each.frames) != plan.text:
            raise ValueError(f"follower {place} of {count} was shown another text")
    return {"micros": 1e6 * cost / (count * tokens)}
