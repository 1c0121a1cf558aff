"""Hosts the application on uvicorn."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from django.conf import settings

from chat.engine.process import stop_engine
from chat.web.servers.living import PING_SECONDS, ROOM_ABOVE_LIMIT, live
from project.asgi import application

SHUTDOWN_SECONDS = 5


class _UvicornServer(uvicorn.Server):
    """uvicorn, but for its signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(host: str, port: int) -> None:
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
        living = asyncio.create_task(live(stop))
        try:
            await server.serve()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await stop_engine(grace_seconds=0)

    uvloop.run(serve())
