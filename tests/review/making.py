"""Conversations, responses and items for the tests, written straight into the tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chat.models import Conversation, Item, Log, Response, User
from chat.protocol import ids, lifecycle
from chat.protocol.events import encode_events

BEGAN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

# Each would do something if a page took it for anything but text.
HOSTILE = (
    "<script>alert(1)</script></pre></div></details></title></textarea>-->"
    "<img src=x onerror=alert(2)>"
    '" onmouseover="alert(3)" x="\' javascript:alert(4) [see](javascript:alert(5)) '
    "https://evil.example/?a=1&b=2 <style>*{display:none}</style> {{ 7|add:7 }} {% now 'Y' %} "
    "\u202etxet desrever\u202c &lt;b&gt; &amp; \x01 \x1b[31m "
)


class Talk:
    """A conversation being written. Each response comes a minute after the one before."""

    def __init__(self, owner: User, title: str = "", **fields: Any) -> None:
        self.conversation = Conversation.objects.create(owner=owner, title=title, **fields)
        self.id = self.conversation.pk
        self.owner = owner
        self._position = 0
        self._began = BEGAN

    def respond(
        self,
        said: str | None = None,
        answered: str | None = None,
        *,
        after: Response | None = None,
        shown: bool = True,
        **fields: Any,
    ) -> Response:
        """A response that has ended as completed unless the fields say otherwise."""
        fields = {
            "status": lifecycle.COMPLETED, "model": "test-model", "provider": "test", **fields,
        }  # fmt: skip
        if fields["status"] in lifecycle.ENDED:
            fields.setdefault("ended_at", self._began + timedelta(seconds=5))
            fields.setdefault("last_number", 10)
        response = Response.objects.create(
            conversation=self.conversation,
            parent=after,
            created_by=self.owner,
            created_at=self._began,
            **fields,
        )
        self._began += timedelta(minutes=1)
        if said is not None:
            self.add(response, said)
        if answered is not None:
            self.add(response, answered, direction="output", role="assistant")
        if shown:
            Conversation.objects.filter(pk=self.id).update(shown=response)
        return response

    def add(self, response: Response, text: str, **fields: Any) -> Item:
        kind = fields.setdefault("type", "message")
        if kind == "message":
            fields.setdefault("role", "user")
        item = Item.objects.create(
            id=fields.pop("id", ids.message_id()),
            conversation=self.conversation,
            response=response,
            position=self._position,
            direction=fields.pop("direction", "input"),
            body=fields.pop("body", {"content": [{"type": "input_text", "text": text}]}),
            text=text,
            **fields,
        )
        self._position += 1
        return item


def log(response: Response, *texts: str) -> None:
    """The log of a live response that says the texts so far, a row for each."""
    opening = [
        {"type": "response.created"},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {
                "type": "message", "id": ids.message_id(), "role": "assistant",
                "status": "in_progress", "content": [],
            },
        },
        {
            "type": "response.content_part.added",
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ]  # fmt: skip
    _append(response, 0, opening)
    for number, text in enumerate(texts, len(opening)):
        delta = {
            "type": "response.output_text.delta", "output_index": 0, "content_index": 0,
            "delta": text,
        }  # fmt: skip
        _append(response, number, [delta])


def _append(response: Response, first: int, events: list[dict[str, Any]]) -> None:
    Log.objects.create(
        response_id=response.pk,
        first_number=first,
        last_number=first + len(events) - 1,
        events="\n".join(encode_events(response.pk, first, events)),
    )
