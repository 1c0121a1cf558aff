"""The servers that can host the application, each told to drain before it stops.

Daphne has no lifespan events, and its own SIGTERM drops connections where they stand; uvicorn
waits for connections to close by themselves. So signals are ours: the engine drains while the
server still serves, then clients are sent away with a code on which they come back, then the server
stops.
"""

import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import daphne.server  # Installs its reactor: before anything else of Twisted is imported.
import uvicorn
import uvloop
from daphne.endpoints import build_endpoint_description_strings
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor

from chat.engine.process import current_engine, hurry_engine, stop_engine
from project.asgi import application

logger = logging.getLogger(__name__)

# Frames over our own limit must reach us, for us to refuse them by name.
ROOM_ABOVE_LIMIT = 2
PING_SECONDS = 20
SHUTDOWN_SECONDS = 5


class _UvicornServer(uvicorn.Server):
    """uvicorn, but for its signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def raise_descriptor_limit() -> None:
    """Each socket and each upstream is a descriptor; shells hand out a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_uvicorn(host: str, port: int) -> None:
    limit = settings.CHAT.max_frame_bytes
    server = _UvicornServer(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            ws="websockets-sansio",
            ws_max_size=limit * ROOM_ABOVE_LIMIT,
            ws_ping_interval=PING_SECONDS,
            ws_per_message_deflate=False,  # Each token on its own hardly shrinks, and costs time.
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )

    async def stop() -> None:
        server.should_exit = True

    async def serve() -> None:
        living = asyncio.create_task(_live(stop))
        try:
            await server.serve()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await stop_engine(grace_seconds=0)

    uvloop.run(serve())


class _DaphneProtocol(WebSocketProtocol):
    """Daphne's, but for the close codes that it may send.

    Its library lets an application close with 1000 or 3000 to 4999 only; clients come back on 1001
    and 1012.
    """

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        self.sendCloseFrame(code=code or 1000)


def run_daphne(host: str, port: int) -> None:
    limit = settings.CHAT.max_frame_bytes
    WebSocketFactory.protocol = _DaphneProtocol
    server = daphne.server.Server(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        signal_handlers=False,
        websocket_max_message_size=limit * ROOM_ABOVE_LIMIT,
        websocket_max_frame_size=limit * ROOM_ABOVE_LIMIT,
        websocket_timeout=-1,
        ping_interval=PING_SECONDS,
        verbosity=0,
        server_name="interject",
    )

    async def stop() -> None:
        server.stop()

    reactor.callWhenRunning(lambda: _background.add(asyncio.ensure_future(_live(stop))))
    server.run()
    if not server.listening_addresses:
        sys.exit(1)  # Daphne has said why.


async def _live(stop_server: Callable[[], Awaitable[None]]) -> None:
    """The engine's life within a server's: started with it, drained on the first signal.

    A second signal ends the waiting for what runs.
    """
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.put_nowait, number)
    try:
        await current_engine()
        await signals.get()
        logger.info("Stopping: what runs may finish; a second signal ends it now")
        stopping = asyncio.ensure_future(stop_engine())
        second = asyncio.ensure_future(signals.get())
        await asyncio.wait({stopping, second}, return_when=asyncio.FIRST_COMPLETED)
        if second.done():
            logger.info("Stopping now: what runs ends as interrupted")
            await hurry_engine()
        second.cancel()
        await stopping
    except Exception:
        logger.exception("The engine stopped")
    finally:
        await stop_server()


_background: set[asyncio.Future[None]] = set()

SERVERS: dict[str, Callable[[str, int], None]] = {"daphne": run_daphne, "uvicorn": run_uvicorn}
