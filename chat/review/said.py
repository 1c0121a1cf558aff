"""Items as a reader of the transcript meets them: who speaks, and the text, cut where it is long.

Owns the way from an item's columns, or from the fold of a live response's log, to what the page
shows. Only text: whatever an item holds is shown as it was written, and never interpreted.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left, Length
from django.utils.safestring import SafeString

from chat.models import Item, Log
from chat.protocol import items, transcript
from chat.review.badges import badge
from chat.review.judgements import Judgement
from chat.review.plain import SHOWN_CHARS, one_line

INPUT = Item.Direction.INPUT.value
OUTPUT = Item.Direction.OUTPUT.value
COMPLETED = "completed"
IN_PROGRESS = "in_progress"


@dataclass(frozen=True)
class Said:
    """One item. `id` is None while it is being written: it has no page of its own yet."""

    id: str | None
    kind: str
    role: str
    name: str
    direction: str
    status: str
    text: str
    chars: int
    judgements: Sequence[Judgement] = ()

    @property
    def speaker(self) -> str:
        """Who speaks, in words."""
        if self.kind == items.MESSAGE:
            given = self.role == "assistant" and self.direction == INPUT
            return f"{self.role}, as given" if given else self.role or "somebody"
        if self.kind == items.FUNCTION_CALL:
            return f"calls {one_line(self.name)}" if self.name else "calls a function"
        return self.kind.replace("_", " ")

    @property
    def is_folded(self) -> bool:
        """Thinking and machinery are there for who opens them."""
        return self.kind != items.MESSAGE

    @property
    def unfinished(self) -> SafeString | None:
        """A mark on what was cut short, or is still being written."""
        if self.status == COMPLETED:
            return None
        tone = "live" if self.status == IN_PROGRESS else "warning"
        return badge(self.status.replace("_", " "), tone)

    @property
    def look(self) -> str:
        """The class by which the page's style knows it."""
        known = {"user": "user", "assistant": "assistant"}
        return known.get(self.role, "setting") if self.kind == items.MESSAGE else "machinery"

    @property
    def hidden_chars(self) -> int:
        return max(0, self.chars - len(self.text))


def kept_items(
    response_ids: Sequence[str], judged: dict[str, list[Judgement]]
) -> dict[str, list[Said]]:
    """The items of each response, in order, in one query that reads no long text whole."""
    said: dict[str, list[Said]] = defaultdict(list)
    columns = (
        "id", "response_id", "type", "role", "direction", "status", "beginning", "chars", "call",
    )  # fmt: skip
    for row in _items(response_ids).values(*columns):
        said[row["response_id"]].append(
            Said(
                id=row["id"],
                kind=row["type"],
                role=row["role"] or "",
                name=row["call"] or "",
                direction=row["direction"],
                status=row["status"],
                text=row["beginning"],
                chars=row["chars"],
                judgements=judged.get(row["id"], ()),
            )
        )
    return said


def said_of(item: Item) -> Said:
    """One item, whole."""
    return Said(
        id=item.pk,
        kind=item.type,
        role=item.role or "",
        name=str(item.body.get("name") or "") if isinstance(item.body, dict) else "",
        direction=item.direction,
        status=item.status,
        text=item.text,
        chars=len(item.text),
    )


def _items(response_ids: Sequence[str]) -> QuerySet[Item]:
    return (
        Item.objects.filter(response_id__in=response_ids)
        .annotate(
            beginning=Left("text", SHOWN_CHARS),
            chars=Length("text"),
            call=KeyTextTransform("name", "body"),
        )
        .order_by("position")
    )


def live_items(response_ids: Sequence[str]) -> dict[str, list[Said]]:
    """What live responses say so far, folded from their log."""
    events: dict[str, list[str]] = defaultdict(list)
    rows = Log.objects.filter(response_id__in=response_ids).order_by("response_id", "first_number")
    for response_id, text in rows.values_list("response_id", "events"):
        events[response_id].extend(text.split("\n"))
    return {response_id: _written(transcript.fold(texts)) for response_id, texts in events.items()}


def _written(folded: Iterable[dict[str, Any]]) -> list[Said]:
    said = []
    for item in folded:
        text = items.plain_text(item)
        said.append(
            Said(
                id=None,
                kind=item["type"],
                role=item.get("role") or "",
                name=item.get("name") or "",
                direction=OUTPUT,
                status=item.get("status") or "",
                text=text[:SHOWN_CHARS],
                chars=len(text),
            )
        )
    return said
