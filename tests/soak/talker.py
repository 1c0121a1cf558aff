"""A user who does, again and again, one of the things that users do.

Each scene ends with every response of it ended, and with its screens' transcripts for the checker.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count

from tests.bench.plan import Plan
from tests.soak import screen
from tests.soak.place import Place
from tests.soak.screen import Screen

SCENES_A_CONVERSATION = 8
PAUSE_SECONDS = 1.0


class Scene:
    """One of them, under way: its prompts by tag, and its screens."""

    def __init__(self, place: Place, key: str, name: str, conversation_id: str | None) -> None:
        self.name = name
        self.plans: dict[str, Plan] = {}
        self.unstored: set[str] = set()
        self.screens: list[Screen] = []
        self.conversation_id = conversation_id
        self._place = place
        self._key = key
        self._numbers = count()

    def screen(self, manners: screen.Manners = screen.PROMPT) -> Screen:
        made = Screen(self._place.url, self._key, manners)
        self.screens.append(made)
        return made

    def plan(self, tokens: int | None = None, per_second: float | None = None) -> Plan:
        """An answer of some length, at some speed."""
        plan = Plan(
            f"{self.name}-{next(self._numbers)}",
            tokens or random.randint(20, 300),
            random.choice((20, 50, 100, 200)) if per_second is None else per_second,
            first_seconds=random.choice((0, 0, 0.3)),
        )
        self.plans[plan.tag] = plan
        return plan

    async def prompt(self, at: Screen, plan: Plan, **fields: object) -> None:
        """Prompt, without waiting. What goes on in a conversation says in which."""
        if self.conversation_id and "store" not in fields:
            fields.setdefault("conversation", self.conversation_id)
        await at.send("response.create", input=plan.prompt, event_id=plan.tag, **fields)

    async def begin(self, at: Screen, plan: Plan) -> str:
        """Prompt, and wait for the response. Returns its id."""
        await self.prompt(at, plan)
        begun = await at.begun(plan.tag)
        self.conversation_id = begun.conversation_id
        return at.id_of(plan.tag)

    async def follow(self, at: Screen) -> None:
        before = at.transcript.snapshots
        await at.send("interject:follow", conversation=self.conversation_id)
        await at.until(lambda seen: seen.snapshots > before, "a snapshot")


async def _listen(scene: Scene) -> None:
    async with scene.screen() as own:
        plan = scene.plan()
        await scene.begin(own, plan)
        await own.ended(plan.tag)


async def _cancel(scene: Scene) -> None:
    """From the same screen, or from another one, at any moment."""
    async with scene.screen() as own, scene.screen() as other:
        plan = scene.plan(tokens=400, per_second=50)
        response_id = await scene.begin(own, plan)
        await asyncio.sleep(random.random())
        asker = random.choice((own, other))
        if asker is other:
            await scene.follow(other)
        await asker.send("interject:cancel", response_id=response_id, event_id=f"{plan.tag}-c")
        await asker.until(lambda seen: response_id in seen.receipts, "a receipt")
        await own.ended(plan.tag)


async def _steer(scene: Scene) -> None:
    async with scene.screen() as own, scene.screen() as other:
        plan, steer = scene.plan(tokens=400, per_second=50), scene.plan()
        response_id = await scene.begin(own, plan)
        await scene.follow(other)
        await own.said(plan.tag, random.randint(0, 500))
        asker = random.choice((own, other))
        await asker.send(
            "response.steer",
            previous_response_id=response_id,
            input=steer.prompt,
            event_id=steer.tag,
        )
        await asker.until(lambda seen: seen.kinds(steer.tag), "an answer to a steer")
        await own.ended(plan.tag)
        if "response.steer.failed" in asker.transcript.kinds(steer.tag):
            del scene.plans[steer.tag]
            return
        # What another connection made of it comes to those who follow.
        await asker.ended(steer.tag)
        await other.ended(steer.tag)


async def _queue(scene: Scene) -> None:
    """Two prompts wait behind a third; one of them is withdrawn, or not."""
    async with scene.screen() as own, scene.screen() as other:
        running, waiting, withdrawn = (scene.plan(tokens=100, per_second=100) for _ in range(3))
        await scene.begin(own, running)
        await scene.follow(other)
        await scene.prompt(other, waiting)
        await other.until(lambda seen: seen.kinds(waiting.tag), "word of a prompt that waits")
        await scene.prompt(other, withdrawn)
        await other.until(lambda seen: seen.kinds(withdrawn.tag), "word of a prompt that waits")
        await other.send("interject:dequeue", target_event_id=withdrawn.tag)
        await own.ended(running.tag)
        await other.ended(waiting.tag)
        if _was_withdrawn(other, withdrawn.tag):
            del scene.plans[withdrawn.tag]
        else:
            await other.ended(withdrawn.tag)


def _was_withdrawn(at: Screen, tag: str) -> bool:
    answers = at.transcript.answers.get(tag, ())
    return any(each.get("reason") == "withdrawn" for each in answers)


async def _come_back(scene: Scene) -> None:
    """Lose the network in the middle, once or twice, and go on by cursors, at whichever process."""
    own = scene.screen()
    await own.open()
    plan = scene.plan(tokens=300, per_second=100)
    await scene.begin(own, plan)
    for _ in range(random.randint(1, 2)):
        await own.said(plan.tag, len(own.transcript.responses[own.id_of(plan.tag)].text) + 200)
        await own.vanish()
        await asyncio.sleep(random.random())
        await own.open()
        await own.send(
            "interject:follow",
            conversation=scene.conversation_id,
            after=own.transcript.cursors(),
        )
    await own.ended(plan.tag)
    await own.leave()


async def _join(scene: Scene) -> None:
    async with scene.screen() as own, scene.screen() as other, scene.screen() as third:
        plan = scene.plan(tokens=200, per_second=50)
        await scene.begin(own, plan)
        for joiner in (other, third):
            await asyncio.sleep(2 * random.random())
            await scene.follow(joiner)
        for each in (own, other, third):
            await each.ended(plan.tag)


async def _read_slowly(scene: Scene) -> None:
    """A long answer in a burst: more than the window, to a screen that is slow."""
    manners = random.choice((screen.LATE, screen.NEVER, screen.SLEEPY))
    async with scene.screen(manners) as own, scene.screen() as other:
        plan = scene.plan(tokens=2_000, per_second=random.choice((0, 500)))
        await scene.begin(own, plan)
        await scene.follow(other)
        await other.ended(plan.tag)
        await own.ended(plan.tag)


async def _unstored(scene: Scene) -> None:
    """Two of a chain that is kept nowhere."""
    async with scene.screen() as own:
        previous: dict[str, object] = {}
        for _ in range(2):
            plan = scene.plan(tokens=60, per_second=100)
            scene.unstored.add(plan.tag)
            await scene.prompt(own, plan, store=False, **previous)
            await own.ended(plan.tag)
            previous = {"previous_response_id": own.id_of(plan.tag)}


async def _rate(scene: Scene) -> None:
    async with scene.screen() as own:
        plan = scene.plan()
        response_id = await scene.begin(own, plan)
        await own.said(plan.tag, 100)
        name = f"{plan.tag}-f"
        rating = random.choice((1, -1))
        await own.send("interject:feedback", response_id=response_id, rating=rating, event_id=name)
        await own.until(lambda seen: "interject:feedback" in seen.kinds(name), "feedback")
        await own.ended(plan.tag)


SCENES: tuple[Callable[[Scene], Awaitable[None]], ...] = (
    _listen, _cancel, _steer, _queue, _come_back, _join, _read_slowly, _unstored, _rate,
)  # fmt: skip
