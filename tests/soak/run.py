"""A soak from its beginning to its verdict: warm up, talk and look, let all leave, judge."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from psycopg_pool import AsyncConnectionPool
from websockets.exceptions import WebSocketException

from tests.soak import judge
from tests.soak.checking import check
from tests.soak.place import Place
from tests.soak.sampling import collected, most_tasks, sample
from tests.soak.screen import TooLate
from tests.soak.talker import PAUSE_SECONDS, SCENES, SCENES_A_CONVERSATION, Scene

SAMPLES = 120
# Longer than the inside of a process takes to look again.
SETTLE_SECONDS = 5.0
# What ended last is folded, and what was kept alive for the next request is closed.
GONE_SECONDS = 100.0
# Past these, more of the same says nothing new.
MAX_FAULTS = 50
WARM_UPS = 3

Play = Callable[[Scene], Awaitable[None]]
Pool = AsyncConnectionPool[Any]


@dataclass
class Soak:
    """What was done and found."""

    place: Place
    pool: Pool
    scenes: Counter[str] = field(default_factory=Counter)
    prompts: int = 0
    frames: int = 0
    characters: int = 0
    samples: list[judge.Sample] = field(default_factory=list)
    at_rest: tuple[judge.Sample, judge.Sample] | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def is_hopeless(self) -> bool:
        return len(self.faults) > MAX_FAULTS


async def soak(place: Place, seconds: float, talkers: int) -> Soak:
    """Minutes of talk. The verdict stands in `faults`: empty is good."""
    pool: Pool = AsyncConnectionPool(
        place.database_url, kwargs={"application_name": "soak", "autocommit": True}, open=False
    )
    async with pool:
        found = Soak(place, pool)
        await _warm_up(found)
        print(f"soak: warm, {seconds / 60:g} minutes to go", flush=True)
        with collected(place):
            await asyncio.sleep(SETTLE_SECONDS)
            before = await sample(place, pool)
        until = time.monotonic() + seconds
        watching = asyncio.create_task(_watch(found, seconds / SAMPLES))
        await asyncio.gather(*(_talk(found, number, until) for number in range(talkers)))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        with collected(place):
            after, left = await _empty(found, before)
        found.at_rest = (before, after)
        found.faults += judge.growing(found.samples) + judge.disappeared(found.samples) + left
        if any(" tasks" in fault for fault in found.faults):
            found.faults += most_tasks(place)
        found.faults += _uncounted(found, after) + _deaths(place)
        return found


async def _warm_up(found: Soak) -> None:
    """Every scene some times: what a process loads or pools once is there before it is counted."""
    for number, play in enumerate(SCENES * WARM_UPS):
        scene = Scene(found.place, found.place.keys[0], f"warm-{number}", None)
        await _play(found, play, scene)


async def _talk(found: Soak, number: int, until: float) -> None:
    """One user, scene after scene, some of them in the same conversation."""
    key = found.place.keys[number % len(found.place.keys)]
    conversation_id = None
    for turn in count():
        await asyncio.sleep(PAUSE_SECONDS * random.random())
        if time.monotonic() > until or found.is_hopeless:
            return
        if turn % SCENES_A_CONVERSATION == 0:
            conversation_id = None
        play = random.choice(SCENES)
        scene = Scene(found.place, key, f"talk-{number}-{turn}-{_name(play)}", conversation_id)
        await _play(found, play, scene)
        conversation_id = scene.conversation_id


def _name(play: Play) -> str:
    return play.__name__.strip("_")


async def _play(found: Soak, play: Play, scene: Scene) -> None:
    """One scene, and its check."""
    try:
        await play(scene)
        found.faults += await check(scene, found.pool, found.place.upstream)
    except (TooLate, WebSocketException, OSError, TimeoutError) as error:
        found.faults.append(f"{scene.name}: {error!r}")
        scene.conversation_id = None
    for screen in scene.screens:
        found.frames += screen.sent
        found.characters += sum(len(each.text) for each in screen.transcript.responses.values())
    found.scenes[_name(play)] += 1
    found.prompts += len(scene.plans)


async def _watch(found: Soak, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        found.samples.append(await sample(found.place, found.pool))


async def _empty(found: Soak, before: judge.Sample) -> tuple[judge.Sample, list[str]]:
    """Wait until all that came with the load has gone. Returns the last look, and what is left."""
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        after = await sample(found.place, found.pool)
        left = judge.left_over(before, after)
        if not left or time.monotonic() > deadline or found.is_hopeless:
            return after, left


def _uncounted(found: Soak, after: judge.Sample) -> list[str]:
    """What is kept for good has to be what was asked for."""
    faults = []
    if after["received events kept"] > found.frames:
        faults.append(
            f"{after['received events kept']:g} received events are kept"
            f" of {found.frames} frames that had an id"
        )
    if after["responses kept"] > found.prompts + found.place.stored_responses:
        faults.append(
            f"{after['responses kept']:g} responses are kept of {found.prompts} prompts and steers"
        )
    return faults


def _deaths(place: Place) -> list[str]:
    died = [f"{name} died" for name in place.replaced()]
    return died + [f"a process complained: {line}" for line in place.complaints()[:MAX_FAULTS]]
