"""The engine of one process: its parts, put together, started and drained."""

import asyncio
import logging
import secrets
from weakref import WeakKeyDictionary

from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings

from chat.database import Pool, make_pool
from chat.engine.audience import Audience
from chat.engine.bus import Bus
from chat.engine.cached_answers import Bounds
from chat.engine.caching import Policy
from chat.engine.dispatcher import Dispatcher
from chat.engine.notices import AnyNotice, Intended, Owned, Removed, Started
from chat.engine.pulse import Pulse
from chat.engine.retention import tidy_forever
from chat.engine.succession import Succession
from chat.engine.takeover import Takeover
from chat.providers.catalogue import Catalogue
from chat.providers.configured import configured_catalogue

logger = logging.getLogger(__name__)

SEND_AWAY_SECONDS = 2.0
VITAL_CONNECTIONS = 3
WORKER = "worker"  # Of CHAT_DISPATCH: workers run what the web processes take.


class Engine:
    """Everything that runs responses and shows them. One a process, on its event loop.

    `concurrency`: how many stored responses it runs at once; None: all that it takes; 0: none, for
    workers do. Raises psycopg's `PoolTimeout` on `start` when Postgres cannot be reached.
    """

    def __init__(
        self,
        *,
        pool: Pool | None = None,
        layer: BaseChannelLayer | None = None,
        catalogue: Catalogue | None = None,
        concurrency: int | None = None,
    ) -> None:
        chat = settings.CHAT
        self.process_id = secrets.token_hex(8)
        self.pool = pool or make_pool()
        # The pulse, the renewal of leases and the look for cancels wait behind nobody's reading.
        self._vital = make_pool(VITAL_CONNECTIONS)
        self.catalogue = catalogue or configured_catalogue()
        self.audience = Audience(self.pool, self.process_id)
        self.bus = Bus(
            layer or get_channel_layer(), self.process_id, self.audience.deliver, self._heard
        )
        self.pulse = Pulse(self._vital, self.process_id, self.bus.show, chat.pulse_ms / 1000)
        self.dispatcher = Dispatcher(
            pool=self.pool,
            vital=self._vital,
            owner=self.process_id,
            pulse=self.pulse,
            bus=self.bus,
            catalogue=self.catalogue,
            lease_seconds=chat.lease_seconds,
            concurrency=concurrency,
            cache=_cache_policy(),
        )
        self.takeover = Takeover(
            pool=self.pool,
            vital=self._vital,
            dispatcher=self.dispatcher,
            bus=self.bus,
            lease_seconds=chat.lease_seconds,
        )
        self.audience.ask = self.bus.ask
        self.audience.is_alone = lambda: self.bus.is_alone
        self.bus.latest = self.dispatcher.latest
        self.succession = Succession(self.pool, self.dispatcher, self.bus)
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for pool in (self.pool, self._vital):
            await pool.open(wait=True)
        parts = (
            self.bus,
            self.audience,
            self.pulse,
            self.dispatcher,
            self.succession,
            self.takeover,
        )
        for part in parts:
            part.start()
        chat = settings.CHAT
        retention = chat.log_retention_hours * 3600
        cached = Bounds(chat.cache_hours * 3600, chat.cache_bytes)
        tidying = tidy_forever(self.pool, retention, cached)
        self._tidying = asyncio.create_task(tidying, name="retention")

    async def stop(self, grace_seconds: float | None = None, *, has_peers: bool = False) -> None:
        """Drain: take nothing new, let what runs finish within the grace, end the rest.

        `has_peers`: whoever follows from here can do so elsewhere, and is sent there at once.
        """
        if grace_seconds is None:
            grace_seconds = settings.CHAT.drain_seconds
        self.dispatcher.take_no_more()
        if has_peers:
            self.audience.move_on(grace_seconds)
        await self.dispatcher.stop(grace_seconds)
        await self.takeover.stop()
        await self.audience.send_away(SEND_AWAY_SECONDS)
        await self.succession.stop()
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self.pulse.stop()
        await self.audience.stop()
        await self.bus.stop()
        await self.catalogue.close()
        for pool in (self.pool, self._vital):
            await pool.close()

    def _heard(self, notice: AnyNotice) -> None:
        match notice:
            case Intended(response_id=response_id):
                self.dispatcher.look_for(response_id)
                self.takeover.look_now()  # It may wait for a worker: anybody can end it.
            case Started(owner="") if self.dispatcher.room != 0:
                self.takeover.look_now()
            case Owned():
                self.takeover.heard(notice)
            case Removed(conversation_id=conversation_id):
                self.dispatcher.abandon(conversation_id)
        self.audience.tell(notice)


def _cache_policy() -> Policy | None:
    chat = settings.CHAT
    if chat.cache == "off":
        return None
    return Policy(
        scope=chat.cache,
        models=frozenset(chat.cache_models),
        seconds=chat.cache_hours * 3600,
        answer_bytes=chat.cache_answer_bytes,
    )


_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Future[Engine]] = WeakKeyDictionary()


async def current_engine(concurrency: int | None = None) -> Engine:
    """The engine of the running loop, started with the first call: no server need know of it.

    `concurrency`: of a worker, which calls first.
    """
    loop = asyncio.get_running_loop()
    future = _engines.get(loop)
    if future is None:
        if concurrency is None and settings.CHAT.dispatch == WORKER:
            concurrency = 0
        future = loop.create_task(_started(concurrency))
        _engines[loop] = future
    try:
        return await asyncio.shield(future)
    except Exception:
        if _engines.get(loop) is future:
            del _engines[loop]
        raise


async def stop_engine(grace_seconds: float | None = None, *, has_peers: bool = False) -> None:
    """Drain and stop the engine of the running loop, if it was started."""
    loop = asyncio.get_running_loop()
    future = _engines.get(loop)
    if future is None:
        return
    engine = await future
    try:
        await engine.stop(grace_seconds, has_peers=has_peers)
    finally:
        _engines.pop(loop, None)


async def hurry_engine() -> None:
    """Have a drain that is under way wait no longer for what runs."""
    future = _engines.get(asyncio.get_running_loop())
    if future is not None:
        (await future).dispatcher.hurry()


async def _started(concurrency: int | None) -> Engine:
    engine = Engine(concurrency=concurrency)
    await engine.start()
    return engine
