"""Hosts the application on uvicorn."""

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop
from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from chat.engine.process import stop_engine
from chat.web.servers.living import ROOM_ABOVE_LIMIT, Host, live
from project.asgi import application

SHUTDOWN_SECONDS = 5
CLOSE_SECONDS = 5.0

_RESET = struct.pack("ii", 1, 0)  # Lingers for no time: what was not read is thrown away.


class _UvicornServer(uvicorn.Server):
    """uvicorn, but for its signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _UvicornProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, but for clients that do not read.

    It would wait for them without an end: to send the close frame, for its answer, and to flush
    what is left.
    """

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.loop.call_later(CLOSE_SECONDS, self._abort)
        await super().send(message)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort()

    def _abort(self) -> None:
        """Without an effect on a transport that is closed."""
        if self.disconnected:
            return
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


def run(host: str, port: int, fd: int | None) -> None:
    limit = settings.CHAT.max_frame_bytes
    server = _UvicornServer(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            ws=_UvicornProtocol,
            ws_max_size=limit * ROOM_ABOVE_LIMIT,
            ws_ping_interval=settings.CHAT.ping_seconds,
            ws_ping_timeout=settings.CHAT.ping_seconds,
            ws_per_message_deflate=False,  # Each token on its own hardly shrinks, and costs time.
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # TRUSTED_PROXIES says whom to believe, in Django.
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )

    async def stop() -> None:
        server.should_exit = True

    async def stop_listening() -> None:
        for each in server.servers:
            each.close()

    async def serve() -> bool:
        living = asyncio.create_task(live(Host(stop, stop_listening, fd is not None)))
        try:
            await server.serve(None if fd is None else [socket.socket(fileno=fd)])
        finally:
            living.cancel()
            (outcome,) = await asyncio.gather(living, return_exceptions=True)
            await stop_engine(grace_seconds=0)
        return not isinstance(outcome, Exception)

    if not uvloop.run(serve()):
        sys.exit(1)
