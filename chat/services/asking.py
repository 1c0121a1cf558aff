"""Who asks, and whether they still may: what every service begins with."""

from typing import Any, NamedTuple

from chat import finding, received
from chat.access import Identity
from chat.engine.process import Engine
from chat.protocol.errors import BadRequest, Unauthorized


class Asker(NamedTuple):
    """Who sends a frame: the login, the connection, and the frame's own id and digest if any."""

    identity: Identity
    connection_id: str
    event_id: str | None = None
    event_hash: str | None = None


class Repeated(NamedTuple):
    """The frame was done before; `answer` names what came of it."""

    answer: dict[str, Any]


async def check_login(engine: Engine, identity: Identity) -> None:
    """Raises `Unauthorized` once the session, key or account that signed in has ended."""
    standing = await finding.standing(engine.pool, identity)
    must_hold(standing.holds)


def must_hold(holds: bool) -> None:
    if not holds:
        raise Unauthorized("signed_out", "The login has ended. Sign in again.")


async def was_received(engine: Engine, asker: Asker) -> bool:
    """Whether a frame with the asker's `event_id` was done before."""
    if asker.event_id is None:
        return False
    found = await received.find(engine.pool, asker.identity.user_id, asker.event_id)
    return found is not None


async def must_be_new(engine: Engine, asker: Asker) -> None:
    """For a frame of which nothing is kept: its id must not be that of one that was."""
    if await was_received(engine, asker):
        await repeated(engine, asker)


async def repeated(engine: Engine, asker: Asker) -> dict[str, Any]:
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
    await repeated(engine, asker)
    return True
