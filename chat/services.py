"""What a user may do: authorise, write, wake.

Each function checks that the login still holds and that what is named is the asker's, writes in one
statement, and wakes whoever must know. What is somebody else's looks as if it did not exist.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from django.conf import settings

from chat import queries, received
from chat.access import Identity
from chat.engine import intents, queue
from chat.engine.notices import Intended, Removed, Titled, Typing
from chat.engine.process import Engine, current_engine
from chat.engine.prompt import Prompt, of_creation
from chat.protocol import ids, lifecycle
from chat.protocol.calls import check_calls
from chat.protocol.creation import Creation
from chat.protocol.errors import BadRequest, NotFound, Unauthorized, Unavailable
from chat.protocol.items import REFERENCE, Item, plain_text, unanswered_calls
from chat.protocol.requests import BadSteer, Feedback, Steer
from chat.providers.base import ProviderError
from chat.queries import Standing

MAX_CLAIMS = 20
PREVIEW_CHARS = 2_000


class Asker(NamedTuple):
    """Who sends a frame: the login, the connection, and the frame's own id and digest if any."""

    identity: Identity
    connection_id: str
    event_id: str | None = None
    event_hash: str | None = None


class Begun(NamedTuple):
    response_id: str
    conversation_id: str


class Queued(NamedTuple):
    conversation_id: str
    event_id: str


class Repeated(NamedTuple):
    """The frame was done before; `answer` names what came of it."""

    answer: dict[str, Any]


class Accepted(NamedTuple):
    steer_id: str
    response_id: str
    conversation_id: str


class Remembered(NamedTuple):
    """A parent in a connection's memory, and everything said up to its end."""

    parent_id: str
    items: Sequence[Item]


# --- prompts


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
    model = await choose_model(engine, creation.model)
    resolved = msgspec.structs.replace(creation, items=await _resolve(engine, asker, creation))
    try:
        for _ in range(MAX_CLAIMS):
            done = await _try_create(engine, asker, resolved, response_id, model, remembered)
            if done is not None:
                return done
    except psycopg.errors.UniqueViolation:
        return Repeated(await _repeated(engine, asker))
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
    standing = await _standing(engine, asker, creation)
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
    if waits or (creation.conversation and not creation.root and standing.others_wait):
        return await _enqueue(engine, asker, asked, standing)
    if parent is not None:
        asked = await _with_held_steers(engine, asked, parent.id)
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
        return None
    assert info.conversation_id is not None
    return Begun(info.id, info.conversation_id)


async def _standing(engine: Engine, asker: Asker, creation: Creation) -> Standing:
    standing = await queries.standing(
        engine.pool,
        asker.identity,
        conversation_id=creation.conversation,
        response_id=creation.previous_response_id,
    )
    _must_hold(standing.holds)
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
        event_hash=asker.event_hash,
        connection_id=asker.connection_id,
        request={"prompt": {name: getattr(asked, name) for name in kept}, "preview": preview},
    )
    await engine.succession.announce_queue(conversation_id, None, None, None)
    # What it waits for may have ended as it began to wait.
    await engine.succession.next_waiting(conversation_id)
    return Queued(conversation_id, event_id)


async def _with_held_steers(engine: Engine, asked: Prompt, parent_id: str) -> Prompt:
    """Steering input that waited for tool outputs goes before this prompt's."""
    steers = await intents.held(engine.pool, parent_id)
    if not steers:
        return asked
    items = [item for steer in steers for item in steer.payload["items"]]
    return msgspec.structs.replace(
        asked, items=[*items, *asked.items], intent_ids=[steer.id for steer in steers]
    )


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


async def choose_model(engine: Engine, model: str | None) -> str:
    """The model meant. Raises `BadRequest` for one not offered, `Unavailable` if none can be had."""
    try:
        return await engine.catalogue.choose(model)
    except ProviderError as error:
        raise Unavailable(error.code, error.message) from error


async def dequeue(engine: Engine, asker: Asker, target_event_id: str) -> str:
    """Withdraw a waiting prompt of the asker's conversation. Returns the conversation's id."""
    await check_login(engine, asker.identity)
    removed = await queue.remove(engine.pool, asker.identity.user_id, target_event_id)
    if removed is None:
        raise NotFound("not_waiting", "No such prompt waits.", param="target_event_id")
    await engine.succession.announce_queue(removed[0], target_event_id, "withdrawn", None)
    return removed[0]


# --- control


async def request_cancel(
    engine: Engine, asker: Asker, response_id: str, seen: int | None
) -> queries.Target:
    """Have a response stopped. Returns the response that is meant, which may have ended already."""
    target = await _target(engine, asker, response_id)
    if target.response_id is None:
        raise NotFound("response_not_found", "There is no such response.", param="response_id")
    if target.status in lifecycle.LIVE:
        payload = {
            "asked_by": asker.identity.username,
            "asked_at": engine.dispatcher.clock(),
            "seen_sequence_number": seen,
        }
        await intents.add(engine.pool, target.response_id, intents.CANCEL, payload)
        _wake_runner(engine, target)
    return target


async def request_steer(engine: Engine, asker: Asker, steer: Steer) -> Accepted | Repeated:
    """Give a running response input. Raises `BadSteer`, which gives the input back."""
    target = await _target(engine, asker, steer.previous_response_id)
    if target.response_id is None:
        raise _bad_steer(steer, "response_not_found", "There is no such response.")
    if target.status not in lifecycle.LIVE:
        raise _ended_steer(steer, target.status)
    accepted = Accepted(ids.steer_id(), target.response_id, target.conversation_id or "")
    payload = {
        "steer_id": accepted.steer_id,
        "user_id": asker.identity.user_id,
        "username": asker.identity.username,
        "connection_id": asker.connection_id,
        "event_id": asker.event_id,
        "items": steer.items,
        "given": steer.given,
    }
    receiving = received.Receiving(
        asker.identity.user_id, asker.event_id, asker.event_hash, {"steer": list(accepted)}
    )
    try:
        added = await intents.add(
            engine.pool, target.response_id, intents.STEER, payload, receiving
        )
    except psycopg.errors.UniqueViolation:
        return Repeated(await _repeated(engine, asker))
    if not added:
        again = await _target(engine, asker, steer.previous_response_id)
        if again.status in lifecycle.LIVE:
            raise _bad_steer(steer, "too_many_pending_steers", "Too many steers wait already.")
        raise _ended_steer(steer, again.status)
    _wake_runner(engine, target)
    return accepted


def _wake_runner(engine: Engine, target: queries.Target) -> None:
    assert target.response_id is not None
    engine.dispatcher.look_for(target.response_id)
    if target.response_id not in engine.dispatcher.runs:
        engine.bus.announce(Intended(target.conversation_id or "", target.response_id))


def _bad_steer(steer: Steer, code: str, message: str) -> BadSteer:
    return BadSteer(code, message, steer.previous_response_id, steer.given)


def _ended_steer(steer: Steer, status: str | None) -> BadSteer:
    if status == lifecycle.COMPLETED:
        return _bad_steer(
            steer, "response_already_completed", "The response has completed: send a prompt."
        )
    return _bad_steer(steer, "response_not_active", "The response has ended: send a prompt.")


async def _target(engine: Engine, asker: Asker, response_id: str) -> queries.Target:
    target = await queries.target(engine.pool, asker.identity, response_id)
    _must_hold(target.holds)
    return target


# --- what changes nothing in the stream

_FEEDBACK = """
WITH aimed AS (
    SELECT response.id AS response_id, item.id AS item_id
      FROM chat_response AS response
      JOIN chat_conversation AS conversation ON conversation.id = response.conversation_id
      LEFT JOIN chat_item AS item ON item.id = %(item_id)s AND item.response_id = response.id
     WHERE conversation.owner_id = %(user_id)s
       AND response.id = coalesce(
           %(response_id)s,
           (SELECT response_id FROM chat_item WHERE id = %(item_id)s),
           -- An item that is still being written stands in the log only.
           (SELECT log.response_id FROM log JOIN chat_response AS live ON live.id = log.response_id
             WHERE live.status = 'in_progress' AND live.conversation_id IN (
                   SELECT id FROM chat_conversation WHERE owner_id = %(user_id)s)
               AND log.events LIKE '%%"' || %(item_id)s || '"%%' LIMIT 1))
)
INSERT INTO chat_feedback (user_id, response_id, item_id, rating, tags, comment)
SELECT %(user_id)s, response_id, item_id, %(rating)s, %(tags)s, %(comment)s FROM aimed
    ON CONFLICT (user_id, response_id, item_id) DO UPDATE
       SET rating = EXCLUDED.rating, tags = EXCLUDED.tags, comment = EXCLUDED.comment,
           updated_at = now()
RETURNING response_id, item_id
"""


async def give_feedback(engine: Engine, asker: Asker, feedback: Feedback) -> dict[str, Any]:
    """Keep a judgement; a later one of the same user's replaces it. Returns what is kept now."""
    await check_login(engine, asker.identity)
    parameters = {
        "user_id": asker.identity.user_id,
        "response_id": feedback.response_id,
        "item_id": feedback.item_id,
        "rating": feedback.rating,
        "tags": feedback.tags,
        "comment": feedback.comment,
    }
    async with engine.pool.connection() as connection:
        row = await (await connection.execute(_FEEDBACK, parameters)).fetchone()
    if row is None:
        raise NotFound("response_not_found", "There is no such response.", param="response_id")
    return {
        "response_id": row[0],
        "item_id": row[1],
        "rating": feedback.rating,
        "tags": feedback.tags,
        "comment": feedback.comment,
    }


async def tell_typing(engine: Engine, asker: Asker, conversation_id: str) -> None:
    """Tell the conversation's followers that the asker types. Never stored."""
    standing = await queries.standing(engine.pool, asker.identity, conversation_id=conversation_id)
    _must_hold(standing.holds)
    if standing.conversation_id is None:
        raise NotFound(
            "conversation_not_found", "There is no such conversation.", param="conversation"
        )
    engine.bus.announce(Typing(conversation_id, asker.identity.username, asker.connection_id))


async def check_login(engine: Engine, identity: Identity) -> None:
    """Raises `Unauthorized` once the session, key or account that signed in has ended."""
    standing = await queries.standing(engine.pool, identity)
    _must_hold(standing.holds)


def _must_hold(holds: bool) -> None:
    if not holds:
        raise Unauthorized("signed_out", "The login has ended. Sign in again.")


async def _repeated(engine: Engine, asker: Asker) -> dict[str, Any]:
    """What came of the frame when it was first done. Raises `BadRequest` for another payload."""
    assert asker.event_id is not None
    found = await received.find(engine.pool, asker.identity.user_id, asker.event_id)
    if found is None or found.payload_hash != asker.event_hash:
        raise BadRequest(
            "event_id_reused", "This event_id was used for another frame.", param="event_id"
        )
    return found.answer


async def remember(engine: Engine, asker: Asker) -> bool:
    """For frames that may safely be done again. True: the asker sent this very frame before.

    Raises `BadRequest` when the same `event_id` came with another payload.
    """
    if asker.event_id is None:
        return False
    receiving = received.Receiving(
        asker.identity.user_id, asker.event_id, asker.event_hash, {"done": True}
    )
    if await received.claim(engine.pool, receiving):
        return False
    await _repeated(engine, asker)
    return True


# --- conversations

_RENAME = """
UPDATE chat_conversation SET title = %s, updated_at = now() WHERE id = %s AND owner_id = %s
RETURNING id
"""
_DELETE = (
    "SELECT id FROM chat_conversation WHERE id = %(id)s AND owner_id = %(user_id)s FOR UPDATE",
    "DELETE FROM lease USING chat_response WHERE lease.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM intent USING chat_response WHERE intent.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM log USING chat_response WHERE log.response_id = chat_response.id"
    " AND conversation_id = %(id)s",
    "DELETE FROM chat_feedback USING chat_response"
    " WHERE chat_feedback.response_id = chat_response.id AND conversation_id = %(id)s",
    "DELETE FROM chat_item WHERE conversation_id = %(id)s",
    "DELETE FROM chat_waitingprompt WHERE conversation_id = %(id)s",
    "DELETE FROM chat_response WHERE conversation_id = %(id)s",
    "DELETE FROM chat_conversation WHERE id = %(id)s",
)


async def create_conversation(user_id: int) -> str:
    """An empty conversation for the browser. Returns its id."""
    engine = await current_engine()
    conversation_id = ids.conversation_id()
    async with engine.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO chat_conversation (id, owner_id, origin) VALUES (%s, %s, 'web')",
            (conversation_id, user_id),
        )
    return conversation_id


async def rename_conversation(user_id: int, conversation_id: str, title: str) -> None:
    """Raises `NotFound` for a conversation that is not the user's."""
    engine = await current_engine()
    async with engine.pool.connection() as connection:
        cursor = await connection.execute(_RENAME, (title, conversation_id, user_id))
        if await cursor.fetchone() is None:
            raise NotFound("conversation_not_found", "There is no such conversation.")
    engine.bus.announce(Titled(conversation_id, title))


async def delete_conversation(user_id: int, conversation_id: str) -> None:
    """Delete it with everything in it, and stop what runs. Raises `NotFound` if it is not theirs."""
    engine = await current_engine()
    parameters = {"id": conversation_id, "user_id": user_id}
    async with engine.pool.connection() as connection, connection.transaction():
        first, *rest = _DELETE
        if await (await connection.execute(first, parameters)).fetchone() is None:
            raise NotFound("conversation_not_found", "There is no such conversation.")
        for statement in rest:
            await connection.execute(statement, parameters)
    engine.dispatcher.abandon(conversation_id)
    engine.bus.announce(Removed(conversation_id))


async def available_models() -> list[str]:
    """The models on offer, the default first; empty while upstream cannot say."""
    engine = await current_engine()
    try:
        return await engine.catalogue.models()
    except ProviderError:
        return []
