"""A scene's texts, in three places: what upstream sent, what Postgres holds, what was shown."""

from typing import Any, NamedTuple

from psycopg_pool import AsyncConnectionPool

from tests.bench import asking
from tests.bench.plan import Plan, token_of
from tests.soak.talker import Scene
from tests.soak.transcript import Shown

_KEPT = """
SELECT response.id, response.status, response.event_ids, response.last_number,
       coalesce((SELECT string_agg(item.text, '' ORDER BY item.position)
                   FROM chat_item AS item
                  WHERE item.response_id = response.id AND item.direction = 'output'), '')
  FROM chat_response AS response
 WHERE response.event_ids && %s::varchar[]
"""
COMPLETED = "completed"


class Kept(NamedTuple):
    """A response as Postgres holds it."""

    id: str
    status: str
    event_ids: list[str]
    last_number: int | None
    text: str


async def check(scene: Scene, pool: AsyncConnectionPool[Any], upstream: str) -> list[str]:
    """What is wrong with a scene that is over."""
    faults = [fault for screen in scene.screens for fault in screen.transcript.faults]
    sent = await asking.seen(upstream, f"{scene.name}-")
    async with pool.connection() as connection:
        cursor = await connection.execute(_KEPT, (list(scene.plans),))
        kept = {row[2][-1]: Kept(*row) for row in await cursor.fetchall()}
    for tag, plan in scene.plans.items():
        said = sent.get(tag, {"sent": 0, "complete": False})
        if tag in scene.unstored:
            faults += _unstored(scene, plan, tag in kept)
        elif tag not in kept:
            faults.append(f"{tag} is not kept")
        else:
            faults += _of_upstream(kept[tag], plan, said)
            faults += _shown(scene, kept[tag])
    return [f"{scene.name}: {fault}" for fault in faults]


def _of_upstream(kept: Kept, plan: Plan, said: dict[str, Any]) -> list[str]:
    text = text_of(plan, said["sent"])
    if not text.startswith(kept.text):
        return [f"{kept.id} holds what upstream did not say: {_where(kept.text, text)}"]
    if kept.status == COMPLETED and (not said["complete"] or kept.text != text):
        return [f"{kept.id} is completed and holds {len(kept.text)} of {len(text)} characters"]
    return []


def _shown(scene: Scene, kept: Kept) -> list[str]:
    faults = []
    for place, screen in enumerate(scene.screens):
        shown = screen.transcript.responses.get(kept.id)
        if shown is not None and (why := _differs(shown, kept)):
            faults.append(f"{kept.id} on screen {place}: {why}")
    return faults


def _differs(shown: Shown, kept: Kept) -> str:
    if not shown.ended:
        return "" if kept.text.startswith(shown.text) else _where(shown.text, kept.text)
    if shown.text != kept.text:
        return _where(shown.text, kept.text)
    if (shown.status, shown.number) != (kept.status, kept.last_number):
        return (
            f"ended as {shown.status} at {shown.number}, kept as {kept.status}"
            f" at {kept.last_number}"
        )
    return ""


def _unstored(scene: Scene, plan: Plan, is_kept: bool) -> list[str]:
    faults = [f"{plan.tag} is kept, and should not be"] if is_kept else []
    shown = scene.screens[0].transcript.by_tag(plan.tag)
    text = text_of(plan, plan.tokens)
    if shown is None or shown.text != text or shown.status != COMPLETED:
        faults.append(f"{plan.tag}, not stored, was shown otherwise than it was said")
    return faults


def text_of(plan: Plan, tokens: int) -> str:
    return "".join(token_of(plan.tag, number) for number in range(tokens))


def _where(found: str, wanted: str) -> str:
    """The first place at which they differ."""
    place = next(
        (at for at, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b),
        min(len(found), len(wanted)),
    )
    return (
        f"at {place} of {len(found)} ({len(wanted)} wanted):"
        f" {found[place : place + 24]!r}, not {wanted[place : place + 24]!r}"
    )
