"""Who listens in this process, and the second's look at what the bus may have lost.

Owns the list of viewers by conversation. Hands kept batches and notices to them, and asks Postgres
once a second, for all of them together, what there is that they may not know of: responses, log
heads, and whether they may still look. Tells the processes that run what is followed here to send
it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from chat import access
from chat.access import Identity
from chat.database import UNREACHABLE, Pool
from chat.engine.notices import AnyNotice, Owned, Removed, Started
from chat.protocol.batch import Batch

logger = logging.getLogger(__name__)

_NOBODY: frozenset["Viewer"] = frozenset()

LOOK_SECONDS = 1.0
# Of those who begin to follow at the same time, one question is asked.
SEEK_SECONDS = 0.005
# Responses that ended this long before the last look are looked at again: clocks and commits are
# not ordered alike, and an end may wait five seconds for a lock when it is dated already.
OVERLAP_SECONDS = 10.0

_LOOK = """
SELECT response.conversation_id, response.id, response.status, response.connection_ids,
       coalesce(response.last_number,
                (SELECT log.last_number FROM log WHERE log.response_id = response.id
                  ORDER BY log.first_number DESC LIMIT 1), -1),
       coalesce(lease.owner, '')
  FROM chat_response AS response
  LEFT JOIN lease ON lease.response_id = response.id
 WHERE (response.status IN ('queued', 'in_progress') OR response.ended_at > to_timestamp(%s))
   AND (response.conversation_id = ANY(%s) OR response.connection_ids && %s::varchar[])
 ORDER BY response.created_at
"""
_RUNNERS = """
SELECT response.conversation_id, lease.owner
  FROM chat_response AS response JOIN lease ON lease.response_id = response.id
 WHERE response.conversation_id = ANY(%s) AND response.status IN ('queued', 'in_progress')
   AND lease.owner <> ''
"""
_OWNERS = """
SELECT id, owner_id, extract(epoch FROM clock_timestamp())::float8
  FROM chat_conversation WHERE id = ANY(%s)
"""


class Sighting(NamedTuple):
    """A response that is running or ended lately, as the database has it.

    `owner`: the process that runs it, if one does.
    """

    conversation_id: str
    response_id: str
    status: str
    connection_ids: list[str]
    last_number: int
    owner: str


class Viewer(Protocol):
    """A connection. None of its methods may block."""

    identity: Identity
    connection_id: str

    def offer(self, batch: Batch, frames: Sequence[str]) -> None: ...
    def notice(self, notice: AnyNotice) -> None: ...
    def sighted(self, sighting: Sighting) -> None: ...
    def signed_out(self) -> None: ...
    def restart(self, patience: float) -> None: ...


class Audience:
    """The viewers of this process.

    `ask` has a process send what it keeps of some conversations, for a while; `is_alone` says
    whether there is nobody to ask.
    """

    def __init__(self, pool: Pool, process_id: str) -> None:
        self.ask: Callable[[str, Sequence[str]], None] = lambda process_id, conversations: None
        self.is_alone: Callable[[], bool] = lambda: True
        self._pool = pool
        self._process_id = process_id
        self._by_connection: dict[str, Viewer] = {}
        self._by_conversation: dict[str, set[Viewer]] = {}
        self._followed: dict[Viewer, set[str]] = {}
        self._by_response: dict[str, Viewer] = {}
        self.is_closed = False
        self._tasks: list[asyncio.Task[None]] = []
        self._looked_at = 0.0
        self._left = asyncio.Event()
        self._sought: set[str] = set()
        self._announced: set[str] = set()
        self._seek = asyncio.Event()

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._look_every_second(), name="audience"),
            asyncio.create_task(self._seek_runners(), name="runners"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enter(self, viewer: Viewer) -> None:
        self._by_connection[viewer.connection_id] = viewer

    def leave(self, viewer: Viewer) -> None:
        self._by_connection.pop(viewer.connection_id, None)
        if not self._by_connection:
            self._left.set()
        for conversation_id in self._followed.pop(viewer, ()):
            self._forget(conversation_id, viewer)

    def follow(self, conversation_id: str, viewer: Viewer) -> None:
        """From here on nothing of the conversation passes the viewer by."""
        if conversation_id not in self._by_conversation:
            self._by_conversation[conversation_id] = set()
            if not self.is_alone() and conversation_id not in self._announced:
                self._sought.add(conversation_id)
                self._seek.set()
        self._by_conversation[conversation_id].add(viewer)
        self._followed.setdefault(viewer, set()).add(conversation_id)

    def unfollow(self, conversation_id: str, viewer: Viewer) -> None:
        self._followed.get(viewer, set()).discard(conversation_id)
        self._forget(conversation_id, viewer)

    def _forget(self, conversation_id: str, viewer: Viewer) -> None:
        viewers = self._by_conversation.get(conversation_id)
        if viewers is not None:
            viewers.discard(viewer)
            if not viewers:
                del self._by_conversation[conversation_id]

    def expect(self, response_id: str, viewer: Viewer) -> None:
        """The viewer is about to start the response, in a conversation that it cannot name yet."""
        self._by_response[response_id] = viewer

    def expected(self, response_id: str) -> None:
        """The response began, or will not."""
        self._by_response.pop(response_id, None)

    def deliver(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            viewers = self._by_conversation.get(batch.conversation_id, _NOBODY)
            expecting = self._by_response.get(batch.response_id)
            if not viewers and expecting is None:
                continue
            frames = batch.frames
            for viewer in tuple(viewers):
                viewer.offer(batch, frames)
            if expecting is not None and expecting not in viewers:
                expecting.offer(batch, frames)

    def tell(self, notice: AnyNotice) -> None:
        if isinstance(notice, Started | Owned):
            self._ask_runner(notice)
        viewers = set(self._by_conversation.get(notice.conversation_id, _NOBODY))
        for connection_id in notice.meant_for():
            if connection_id in self._by_connection:
                viewers.add(self._by_connection[connection_id])
        for viewer in viewers:
            viewer.notice(notice)

    def _ask_runner(self, notice: Started | Owned) -> None:
        """A response began: its events are wanted here if anybody follows.

        Where it waits for whoever runs it, all have heard who began it, and send its events there.
        """
        meant = not self._by_connection.keys().isdisjoint(notice.meant_for())
        if not notice.owner:
            if meant:
                self._announced.add(notice.conversation_id)
        elif isinstance(notice, Owned) and self._process_id in notice.listeners:
            return
        elif meant or notice.conversation_id in self._by_conversation:
            self.ask(notice.owner, [notice.conversation_id])

    def move_on(self, seconds: float) -> None:
        """The process drains, and others serve: have every viewer go there as soon as it can.

        Whoever waits here for something that only this process has may do so for `seconds`. Nobody
        comes in any more.
        """
        self.is_closed = True
        for viewer in tuple(self._by_connection.values()):
            viewer.restart(seconds)

    async def send_away(self, seconds: float) -> None:
        """The process stops: have every viewer leave, within bounds."""
        self._left.clear()
        for viewer in tuple(self._by_connection.values()):
            viewer.restart(0)
        if self._by_connection:
            try:
                async with asyncio.timeout(seconds):
                    await self._left.wait()
            except TimeoutError:
                logger.info("%d connections did not close in time", len(self._by_connection))

    async def _seek_runners(self) -> None:
        """Who runs what is followed since just now: the second's look would come late for it."""
        while True:
            await self._seek.wait()
            await asyncio.sleep(SEEK_SECONDS)
            self._seek.clear()
            sought, self._sought = self._sought, set()
            try:
                async with self._pool.connection() as connection:
                    cursor = await connection.execute(_RUNNERS, (list(sought),))
                    self._ask_runners(set(await cursor.fetchall()))
            except UNREACHABLE as error:
                logger.debug("Postgres is away, the next look asks: %s", error)
            except Exception:
                logger.exception("Who runs what is followed could not be asked")

    def _ask_runners(self, running: Iterable[tuple[str, str]]) -> None:
        by_owner: dict[str, list[str]] = {}
        for conversation_id, owner in running:
            by_owner.setdefault(owner, []).append(conversation_id)
        for owner, conversations in by_owner.items():
            self.ask(owner, conversations)

    async def _look_every_second(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._announced.clear()
            if not self._by_conversation:
                self._looked_at = 0.0  # Nobody missed anything.
            if not self._by_connection:
                continue
            try:
                await self._look()
            except UNREACHABLE as error:
                logger.warning("Postgres is away, viewers wait: %s", error)
            except Exception:
                logger.exception("The look at the database failed")

    async def _look(self) -> None:
        viewers = tuple(self._by_connection.values())
        gone = await access.ended(self._pool, {viewer.identity for viewer in viewers})
        for viewer in viewers:
            if viewer.identity in gone:
                viewer.signed_out()
        asked = list(self._by_conversation)
        if not asked:
            return
        async with self._pool.connection() as connection:
            owned = await (await connection.execute(_OWNERS, (asked,))).fetchall()
            now = owned[0][2] if owned else 0.0
            since = (self._looked_at or now) - OVERLAP_SECONDS
            cursor = await connection.execute(_LOOK, (since, asked, list(self._by_connection)))
            rows = await cursor.fetchall()
        self._looked_at = now
        self._ask_runners({(row[0], row[5]) for row in rows if row[5]})
        self._show_out(asked, {row[0]: row[1] for row in owned})
        for row in rows:
            self._tell_sighting(Sighting(*row))

    def _tell_sighting(self, sighting: Sighting) -> None:
        viewers = set(self._by_conversation.get(sighting.conversation_id, _NOBODY))
        for connection_id in sighting.connection_ids:
            if connection_id in self._by_connection:
                viewers.add(self._by_connection[connection_id])
        for viewer in viewers:
            viewer.sighted(sighting)

    def _show_out(self, asked: Iterable[str], owners: dict[str, int]) -> None:
        """Whoever may not look any more is told so, and hears nothing further."""
        for conversation_id in asked:
            for viewer in tuple(self._by_conversation.get(conversation_id, _NOBODY)):
                if owners.get(conversation_id) != viewer.identity.user_id:
                    self.unfollow(conversation_id, viewer)
                    viewer.notice(Removed(conversation_id))
