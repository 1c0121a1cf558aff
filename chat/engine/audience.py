"""Who listens in this process, and the second's look at what the bus may have lost.

Owns the list of viewers by conversation. Hands kept batches and notices to them, and asks Postgres
once a second, in one query for all, what there is that they may not know of: responses, log heads,
and whether they may still look.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from chat import access
from chat.access import Identity
from chat.database import Pool
from chat.engine.notices import AnyNotice, Removed
from chat.engine.pulse import UNREACHABLE
from chat.protocol.batch import Batch

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
# Responses that ended this long before the last look are looked at again: clocks and commits are
# not ordered alike.
OVERLAP_SECONDS = 5.0

_LOOK = """
SELECT conversation.id, conversation.owner_id, response.id, response.status,
       response.connection_ids,
       coalesce(response.last_number,
                (SELECT max(log.last_number) FROM log WHERE log.response_id = response.id), -1)
  FROM chat_conversation AS conversation
  LEFT JOIN chat_response AS response
    ON response.conversation_id = conversation.id
   AND (response.status IN ('queued', 'in_progress')
        OR response.ended_at > to_timestamp(%s))
 WHERE conversation.id = ANY(%s)
 ORDER BY response.created_at
"""
_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"


class Sighting(NamedTuple):
    """A response that is running or ended lately, as the database has it."""

    conversation_id: str
    response_id: str
    status: str
    connection_ids: list[str]
    last_number: int


class Viewer(Protocol):
    """A connection. None of its methods may block."""

    identity: Identity

    def offer(self, batch: Batch, frames: Sequence[str]) -> None: ...
    def notice(self, notice: AnyNotice) -> None: ...
    def sighted(self, sighting: Sighting) -> None: ...
    def signed_out(self) -> None: ...


class Audience:
    """The viewers of this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._viewers: set[Viewer] = set()
        self._by_conversation: dict[str, set[Viewer]] = {}
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._looked_at = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._look_every_second(), name="audience")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def viewers(self) -> Iterable[Viewer]:
        return tuple(self._viewers)

    def enter(self, viewer: Viewer) -> None:
        self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        for conversation_id in list(self._by_conversation):
            self.unfollow(conversation_id, viewer)

    def follow(self, conversation_id: str, viewer: Viewer) -> None:
        """From here on nothing of the conversation passes the viewer by."""
        self._by_conversation.setdefault(conversation_id, set()).add(viewer)

    def unfollow(self, conversation_id: str, viewer: Viewer) -> None:
        viewers = self._by_conversation.get(conversation_id)
        if viewers is not None:
            viewers.discard(viewer)
            if not viewers:
                del self._by_conversation[conversation_id]

    def deliver(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            viewers = self._by_conversation.get(batch.conversation_id)
            if viewers:
                frames = batch.frames
                for viewer in tuple(viewers):
                    viewer.offer(batch, frames)

    def tell(self, notice: AnyNotice) -> None:
        for viewer in tuple(self._by_conversation.get(notice.conversation_id, ())):
            viewer.notice(notice)

    def look_now(self) -> None:
        """Something ended somebody's access: do not wait for the second to pass."""
        self._hurry.set()

    async def _look_every_second(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            if not self._viewers:
                continue
            try:
                await self._look()
            except UNREACHABLE as error:
                logger.warning("Postgres is away, viewers wait: %s", error)
            except Exception:
                logger.exception("The look at the database failed")

    async def _look(self) -> None:
        gone = await access.ended(self._pool, {viewer.identity for viewer in self._viewers})
        for viewer in self.viewers:
            if viewer.identity in gone:
                viewer.signed_out()
        if not self._by_conversation:
            return
        asked = list(self._by_conversation)
        async with self._pool.connection() as connection:
            now = await (await connection.execute(_NOW)).fetchone()
            assert now is not None
            since = self._looked_at - OVERLAP_SECONDS if self._looked_at else now[0]
            cursor = await connection.execute(_LOOK, (since, asked))
            rows = await cursor.fetchall()
        self._looked_at = now[0]
        owners = {row[0]: row[1] for row in rows}
        self._show_out(asked, owners)
        for conversation_id, _, response_id, *found in rows:
            if response_id is not None:
                sighting = Sighting(conversation_id, response_id, *found)
                for viewer in tuple(self._by_conversation.get(conversation_id, ())):
                    viewer.sighted(sighting)

    def _show_out(self, asked: Iterable[str], owners: dict[str, int]) -> None:
        """Whoever may not look any more is told so, and hears nothing further."""
        for conversation_id in asked:
            for viewer in tuple(self._by_conversation.get(conversation_id, ())):
                if owners.get(conversation_id) != viewer.identity.user_id:
                    viewer.notice(Removed(conversation_id))
                    self.unfollow(conversation_id, viewer)
