"""The load: a process of its own that does one measurement after another, as it is told.

`python -m tests.bench.load`: a line of JSON in names a job, a line of JSON out says what was found.
Apart from the rest so that neither distorts the other.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from tests.bench import asking, cancels, followers, idle, joins, pages, streams
from tests.bench.plan import Plan
from tests.bench.streams import Target

Job = Callable[..., Awaitable[Any]]


async def _join(target: Target, plan: list[Any]) -> Any:
    return await joins.in_mid_answer(target, Plan(*plan))


JOBS: dict[str, Job] = {
    "streams": streams.measure,
    "one by one": streams.one_by_one,
    "direct": asking.direct,
    "cancels": cancels.measure,
    "join": _join,
    "open": joins.into_conversations,
    "idle": idle.measure,
    "followers": followers.measure,
    "pages": pages.measure,
}


async def _do(line: str) -> dict[str, Any]:
    asked = json.loads(line)
    arguments = asked["arguments"]
    if "target" in arguments:
        arguments["target"] = Target(*arguments["target"])
    try:
        return {"found": await JOBS[asked["job"]](**arguments)}
    except (ValueError, OSError, TimeoutError) as error:
        return {"failed": f"{asked['job']}: {error!r}"}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await _do(line)), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
