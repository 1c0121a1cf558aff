"""Control of a running response: stop it, or give it input. The wish is kept, its runner woken."""

from typing import Any, NamedTuple

import psycopg

from chat import finding, received
from chat.access import Identity
from chat.engine import intents
from chat.engine.notices import Intended
from chat.engine.process import Engine
from chat.protocol import ids, lifecycle
from chat.protocol.errors import NotFound
from chat.protocol.requests import BadSteer, Steer
from chat.services.asking import Asker, Repeated, must_hold, repeated, was_received


class Accepted(NamedTuple):
    steer_id: str
    response_id: str
    conversation_id: str


async def request_cancel(
    engine: Engine, asker: Asker, response_id: str, seen: int | None
) -> finding.Target:
    """Have a response stopped. Returns the response that is meant, which may have ended already."""
    payload = cancel_payload(engine, asker.identity, seen)
    while True:
        target = await _target(engine, asker, response_id)
        if target.response_id is None:
            raise NotFound("response_not_found", "There is no such response.", param="response_id")
        if target.status not in lifecycle.LIVE:
            return target
        if await intents.add(engine.pool, target.response_id, intents.CANCEL, payload):
            wake_runner(engine, target.response_id, target.conversation_id or "")
            return target
        # It ended meanwhile; if as steered, its successor is meant.


def cancel_payload(engine: Engine, identity: Identity, seen: int | None) -> dict[str, Any]:
    """What a receipt will say of who asked."""
    return {
        "asked_by": identity.username,
        "asked_at": engine.dispatcher.clock(),
        "seen_sequence_number": seen,
    }


async def request_steer(engine: Engine, asker: Asker, steer: Steer) -> Accepted | Repeated:
    """Give a running response input. Raises `BadSteer`, which gives the input back."""
    target = await _target(engine, asker, steer.previous_response_id)
    while True:
        done = await _try_steer(engine, asker, steer, target)
        if done is not None:
            return done
        # It ended meanwhile. What ended as steered means its successor.
        before, target = target, await _target(engine, asker, steer.previous_response_id)
        if target == before:
            raise _bad_steer(steer, "too_many_pending_steers", "Too many steers wait already.")


async def _try_steer(
    engine: Engine, asker: Asker, steer: Steer, target: finding.Target
) -> Accepted | Repeated | None:
    """One try. None: the response ended, or has too many steers."""
    if target.response_id is None:
        raise _bad_steer(steer, "response_not_found", "There is no such response.")
    if target.status not in lifecycle.LIVE:
        if await was_received(engine, asker):
            return Repeated(await repeated(engine, asker))
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
        return Repeated(await repeated(engine, asker))
    if not added:
        return None
    wake_runner(engine, accepted.response_id, accepted.conversation_id)
    return accepted


def wake_runner(engine: Engine, response_id: str, conversation_id: str) -> None:
    engine.dispatcher.look_for(response_id)
    if response_id not in engine.dispatcher.runs:
        engine.bus.tell(Intended(conversation_id, response_id))


def _bad_steer(steer: Steer, code: str, message: str) -> BadSteer:
    return BadSteer(code, message, steer.previous_response_id, steer.given)


def _ended_steer(steer: Steer, status: str | None) -> BadSteer:
    if status == lifecycle.COMPLETED:
        return _bad_steer(
            steer, "response_already_completed", "The response has completed: send a prompt."
        )
    return _bad_steer(steer, "response_not_active", "The response has ended: send a prompt.")


async def _target(engine: Engine, asker: Asker, response_id: str) -> finding.Target:
    target = await finding.target(engine.pool, asker.identity, response_id)
    must_hold(target.holds)
    return target
