"""A prompt on its way to become a response: what the engine is handed, and its first events."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chat.access import Identity
from chat.engine.leases import NOBODY
from chat.engine.starting import Opening
from chat.protocol import batch as batches
from chat.protocol import ids, lifecycle
from chat.protocol.creation import Creation
from chat.protocol.events import ResponseInfo, encode_json, response_object
from chat.protocol.items import MESSAGE, Item, plain_text
from chat.providers.base import ModelRequest

MAX_TITLE_CHARS = 80
MAX_TITLE_SOURCE_CHARS = 1_000
# A created event shows followers what was asked; a large input they take from a snapshot.
MAX_SHOWN_INPUT_BYTES = 64 * 1024

_ASKED = frozenset(ModelRequest.__struct_fields__) - {"model", "items"}


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks what, where, and what it goes on from.

    `conversation_id` None: one is made, of `origin`, for whoever `login` is. `context` is what
    precedes when the parent is not in the database. The flags are those of `Opening`.
    """

    user_id: int
    username: str
    items: Sequence[Item]
    request: Mapping[str, Any]
    model: str
    metadata: Mapping[str, str] = {}
    conversation_id: str | None = None
    origin: str = "api"
    login: Identity | None = None
    parent_id: str | None = None
    previous_response_id: str | None = None
    context: Sequence[Item] = ()
    generate: bool = True
    event_ids: Sequence[str] = ()
    event_hash: str | None = None
    connection_ids: Sequence[str] = ()
    shown_parent: bool = False
    waiting_id: int | None = None
    intent_ids: Sequence[int] = ()
    response_id: str | None = None


def of_creation(creation: Creation, **where: Any) -> Prompt:
    """A prompt as a client put it. `where`: the fields that the frame alone does not give."""
    fields = {
        "items": creation.items,
        "request": creation.request,
        "metadata": creation.metadata,
        "generate": creation.generate,
    }
    return Prompt(**{**fields, **where})


def describe(prompt: Prompt, now: float, *, store: bool) -> ResponseInfo:
    conversation_id = (prompt.conversation_id or ids.conversation_id()) if store else None
    return ResponseInfo(
        id=prompt.response_id or ids.response_id(),
        created_at=now,
        model=prompt.model,
        request=prompt.request,
        metadata=prompt.metadata,
        store=store,
        conversation_id=conversation_id,
        previous_response_id=prompt.previous_response_id or prompt.parent_id,
        event_ids=prompt.event_ids,
        created_by=prompt.username,
    )


def opening_events(prompt: Prompt, info: ResponseInfo, *, runs: bool) -> list[dict[str, Any]]:
    """Created, queued if it waited or waits for a worker, in progress if it `runs`."""
    waited = prompt.waiting_id is not None or not runs
    first = response_object(info, status=lifecycle.QUEUED if waited else lifecycle.IN_PROGRESS)
    shown = prompt.items if len(encode_json(prompt.items)) <= MAX_SHOWN_INPUT_BYTES else None
    created = {
        **first,
        "interject": {**first["interject"], "input": shown},
    }
    events = [{"type": "response.created", "response": created}]
    if waited:
        events.append({"type": "response.queued", "response": first})
    if runs:
        events.append(in_progress_event(info))
    return events


def in_progress_event(info: ResponseInfo) -> dict[str, Any]:
    return {"type": "response.in_progress", "response": response_object(info)}


def opening(
    prompt: Prompt, info: ResponseInfo, *, owner: str, lease_seconds: float, provider: str
) -> Opening:
    assert info.conversation_id is not None
    events = opening_events(prompt, info, runs=owner != NOBODY)
    batch = batches.freeze(info.id, info.conversation_id, 1, 0, events)
    return Opening(
        info=info,
        user_id=prompt.user_id,
        parent_id=prompt.parent_id,
        # Kept once more, here: what a connection remembered may be in the table already.
        items=[*map(_copy, prompt.context), *prompt.items],
        first_batch=batch,
        owner=owner,
        lease_seconds=lease_seconds,
        title=title_of(prompt.items),
        provider=provider,
        shown_parent=prompt.shown_parent,
        origin=None if prompt.conversation_id else prompt.origin,
        login=prompt.login,
        waiting_id=prompt.waiting_id,
        event_hash=prompt.event_hash,
        intent_ids=prompt.intent_ids,
        connection_ids=prompt.connection_ids,
    )


def _copy(item: Item) -> Item:
    return {**item, "id": ids.item_id(item["type"])}


def model_request(info: ResponseInfo, items: Sequence[Item]) -> ModelRequest:
    """What the provider is asked."""
    asked = {name: value for name, value in info.request.items() if name in _ASKED}
    return ModelRequest(model=info.model, items=items, **asked)


def title_of(items: Sequence[Item]) -> str:
    """The first line of what the user said, for the sidebar."""
    for item in items:
        if item["type"] == MESSAGE and item["role"] == "user":
            # Not all of it: taking 16 MB apart held the loop for half a second.
            line = " ".join(plain_text(item).lstrip()[:MAX_TITLE_SOURCE_CHARS].split())
            return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1] + "…"
    return ""
