"""Prompts: a response is started, or its prompt waits in the conversation's queue."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import psycopg
from django.conf import settings

from chat import finding, queries, received
from chat.engine import queue
from chat.engine.process import Engine
from chat.engine.prompt import Prompt, of_creation
from chat.engine.steering import with_held_steers
from chat.finding import Standing
from chat.protocol import ids, lifecycle
from chat.protocol.calls import check_calls
from chat.protocol.creation import Creation
from chat.protocol.errors import BadRequest, NotFound, Unauthorized, Unavailable, WireError
from chat.protocol.items import REFERENCE, Item, plain_text, unanswered_calls
from chat.services.asking import Asker, Repeated, check_login, must_hold, repeated, was_received
from chat.services.models import choose_model

MAX_CLAIMS = 20
PREVIEW_CHARS = 2_000
# What a prompt finds that goes on from nothing; whether its login holds, its start asks.
NOTHING = Standing(
    holds=True,
    conversation_id=None,
    queue_length=0,
    others_go_on=False,
    parent=None,
    parent_calls=[],
)
MINTED = ""  # In place of the digest of a frame that bore no id: no frame has this one.


class Begun(NamedTuple):
    response_id: str
    conversation_id: str


class Queued(NamedTuple):
    conversation_id: str
    event_id: str


class Remembered(NamedTuple):
    """A parent in a connection's memory, and everything said up to its end."""

    parent_id: str
    items: Sequence[Item]


async def create_response(
    engine: Engine,
    asker: Asker,
    creation: Creation,
    response_id: str,
    remembered: Remembered | None = None,
) -> Begun | Queued | Repeated:
    """Start a response under the id given, or queue its prompt behind what runs.

    `remembered`: the parent was never stored, and this is what it and those before it said.

    Raises `BadRequest` for what cannot be done, `Unavailable` while the service stops.
    """
    try:
        return await _create(engine, asker, creation, response_id, remembered)
    except psycopg.errors.UniqueViolation:
        return Repeated(await repeated(engine, asker))
    except Unauthorized:
        raise
    except WireError:
        # What was done once is often refused the second time: its parent moved on, its calls were
        # answered, the queue is full.
        if not await was_received(engine, asker):
            raise
        return Repeated(await repeated(engine, asker))


async def _create(
    engine: Engine,
    asker: Asker,
    creation: Creation,
    response_id: str,
    remembered: Remembered | None,
) -> Begun | Queued:
    model = await choose_model(engine, creation.model)
    resolved = msgspec.structs.replace(creation, items=await _resolve(engine, asker, creation))
    for _ in range(MAX_CLAIMS):
        async with engine.dispatcher.starting:
            done = await _try_create(engine, asker, resolved, response_id, model, remembered)
        if done is not None:
            return done
    raise Unavailable("conversation_busy", "The conversation is too busy. Try again in a moment.")


async def _try_create(
    engine: Engine,
    asker: Asker,
    creation: Creation,
    response_id: str,
    model: str,
    remembered: Remembered | None,
) -> Begun | Queued | None:
    """One try. None: the conversation moved on meanwhile."""
    is_first = creation.conversation is None and creation.previous_response_id is None
    standing = NOTHING if is_first else await _standing(engine, asker, creation)
    parent = None if creation.root else standing.parent
    explicit = creation.previous_response_id is not None
    if parent is not None and parent.status in lifecycle.LIVE and explicit:
        raise BadRequest(
            "previous_response_not_finished",
            "The previous response still runs: steer it, cancel it, or wait for its end.",
            param="previous_response_id",
        )
    asked = _prompt(asker, creation, response_id, model, standing)
    waits = parent is not None and parent.status in lifecycle.LIVE
    if waits or (creation.conversation and not creation.root and standing.others_go_on):
        return await _enqueue(engine, asker, asked, standing)
    if parent is not None:
        asked = await with_held_steers(engine.pool, asked)
        check_calls(standing.parent_calls, asked.items)
    elif remembered is not None:
        check_calls(list(unanswered_calls(remembered.items)), asked.items)
        asked = msgspec.structs.replace(
            asked, context=remembered.items, previous_response_id=remembered.parent_id
        )
    else:
        check_calls([], asked.items)
    info = await engine.dispatcher.dispatch(asked)
    if info is None:
        await check_login(engine, asker.identity)
        return None
    assert info.conversation_id is not None
    return Begun(info.id, info.conversation_id)


async def _standing(engine: Engine, asker: Asker, creation: Creation) -> Standing:
    standing = await finding.standing(
        engine.pool,
        asker.identity,
        conversation_id=creation.conversation,
        response_id=creation.previous_response_id,
    )
    must_hold(standing.holds)
    if creation.conversation and standing.conversation_id is None:
        raise BadRequest(
            "conversation_not_found", "There is no such conversation.", param="conversation"
        )
    if creation.previous_response_id and standing.parent is None:
        raise BadRequest(
            "previous_response_not_found",
            f"Previous response with id '{creation.previous_response_id}' not found.",
            param="previous_response_id",
        )
    return standing


def _prompt(
    asker: Asker, creation: Creation, response_id: str, model: str, standing: Standing
) -> Prompt:
    in_browser = asker.identity.session_key is not None
    request = creation.request
    if in_browser and settings.CHAT.system_prompt:
        request = {"instructions": settings.CHAT.system_prompt, **request}
    parent = None if creation.root else standing.parent
    return of_creation(
        creation,
        request=request,
        user_id=asker.identity.user_id,
        username=asker.identity.username,
        login=asker.identity,
        model=model,
        conversation_id=standing.conversation_id,
        origin="web" if in_browser else "api",
        parent_id=parent.id if parent else None,
        event_ids=[asker.event_id] if asker.event_id else [],
        event_hash=asker.event_hash,
        connection_ids=[asker.connection_id],
        shown_parent=creation.conversation is not None and not creation.root,
        response_id=response_id,
    )


async def _enqueue(engine: Engine, asker: Asker, asked: Prompt, standing: Standing) -> Queued:
    if standing.queue_length >= settings.CHAT.queue_limit:
        raise BadRequest("queue_full", f"{standing.queue_length} prompts wait already.")
    conversation_id = standing.conversation_id
    assert conversation_id is not None
    event_id = asker.event_id or ids.event_id()
    kept = ("items", "request", "metadata", "model", "generate")
    preview = "\n".join(plain_text(item) for item in asked.items)[:PREVIEW_CHARS]
    await queue.add(
        engine.pool,
        conversation_id=conversation_id,
        user_id=asker.identity.user_id,
        event_id=event_id,
        event_hash=asker.event_hash or MINTED,
        connection_id=asker.connection_id,
        request={"prompt": {name: getattr(asked, name) for name in kept}, "preview": preview},
    )
    return Queued(conversation_id, event_id)


async def announce_queued(engine: Engine, queued: Queued) -> None:
    """Tell who waits now, and start what may start: what it waits for may have ended meanwhile.

    For after the asker attends to the conversation: it would miss the news of its own prompt.
    """
    await engine.succession.announce_queue(queued.conversation_id, None, None, None)
    await engine.succession.next_waiting(queued.conversation_id)


async def _resolve(engine: Engine, asker: Asker, creation: Creation) -> list[Item]:
    """References replaced by copies of what they name."""
    wanted = [item["id"] for item in creation.items if item["type"] == REFERENCE]
    if not wanted:
        return creation.items
    found = await queries.referenced_items(engine.pool, asker.identity.user_id, wanted)
    items = []
    for item in creation.items:
        if item["type"] != REFERENCE:
            items.append(item)
        elif item["id"] in found:
            items.append({**found[item["id"]], "id": ids.message_id()})
        else:
            raise BadRequest("item_not_found", f"There is no item '{item['id']}'.", param="input")
    return items


class Dequeued(NamedTuple):
    """A withdrawn prompt, given back."""

    conversation_id: str
    input: str


async def dequeue(engine: Engine, asker: Asker, target_event_id: str) -> Dequeued:
    """Withdraw a waiting prompt of the asker's conversation. A repeated frame gets it once more."""
    await check_login(engine, asker.identity)
    user_id = asker.identity.user_id
    removed = await queue.remove(engine.pool, user_id, target_event_id, asker.event_id)
    if removed is not None:
        await engine.succession.announce_queue(removed[0], target_event_id, "withdrawn", None)
        return _given_back(*removed)
    before = await received.find(engine.pool, user_id, asker.event_id) if asker.event_id else None
    if before is None or "items" not in before.answer:
        raise NotFound("not_waiting", "No such prompt waits.", param="target_event_id")
    return _given_back(before.answer["conversation"], before.answer["items"])


def _given_back(conversation_id: str, items: Sequence[Item]) -> Dequeued:
    return Dequeued(conversation_id, "\n".join(plain_text(item) for item in items))
