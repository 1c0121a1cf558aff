"""Hosts the application on Daphne, on uvloop."""

import asyncio
import sys
from typing import Any

from django.conf import settings

from chat.web.servers import uvloop_reactor
from chat.web.servers.living import ROOM_ABOVE_LIMIT, Host, live
from project.asgi import application

# Daphne takes the reactor that is there. What comes after imports it.
uvloop_reactor.install()

import daphne.server  # noqa: E402
from daphne.endpoints import build_endpoint_description_strings  # noqa: E402
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol  # noqa: E402
from twisted.internet import reactor  # noqa: E402

# Its library counts whole seconds, and gives a client up to one less than it was told to.
PING_GRACE_SECONDS = 1

_background: set[asyncio.Future[None]] = set()


class _Flow:
    """Whether a transport has room: told by it, as a producer of Twisted's is (`IPushProducer`)."""

    def __init__(self, transport: Any) -> None:
        self.has_room = asyncio.Event()
        self.has_room.set()
        self._transport = transport

    def pauseProducing(self) -> None:  # noqa: N802
        self.has_room.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.has_room.set()
        if self._transport.disconnecting:
            self._transport.unregisterProducer()  # Until then it would wait for more.

    def stopProducing(self) -> None:  # noqa: N802
        self.has_room.set()


class _DaphneProtocol(WebSocketProtocol):
    """Daphne's, but for the close codes that it may send, long frames, and who does not read.

    Its library lets an application close with 1000 or 3000 to 4999 only; clients come back on 1001
    and 1012. The limit of what a client may send, it puts on what we send as well.
    """

    maxMessagePayloadSize: int  # noqa: N815

    def connectionMade(self) -> None:  # noqa: N802
        super().connectionMade()
        self.flow = _Flow(self.transport)
        self.transport.unregisterProducer()  # The handshake's, which is over.
        self.transport.registerProducer(self.flow, True)

    def sendMessage(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802
        limit, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().sendMessage(*args, **kwargs)
        finally:
            self.maxMessagePayloadSize = limit

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        self.sendCloseFrame(code=code or 1000)


class _DaphneServer(daphne.server.Server):
    """Daphne, but for its send, which would return at once, however much waits for a client."""

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        await super().handle_reply(protocol, message)
        if message["type"] == "websocket.send":
            await protocol.flow.has_room.wait()


def run(host: str, port: int, fd: int | None) -> None:
    limit = settings.CHAT.max_frame_bytes
    WebSocketFactory.protocol = _DaphneProtocol
    server = _DaphneServer(
        application=application,
        endpoints=_endpoints(host, port, fd),
        signal_handlers=False,
        websocket_max_message_size=limit * ROOM_ABOVE_LIMIT,
        websocket_max_frame_size=limit * ROOM_ABOVE_LIMIT,
        websocket_timeout=-1,
        ping_interval=settings.CHAT.ping_seconds,
        ping_timeout=settings.CHAT.ping_seconds + PING_GRACE_SECONDS,
        verbosity=0,
        server_name="interject",
    )

    async def stop() -> None:
        server.stop()

    async def stop_listening() -> None:
        for listener in server.listeners:
            listener.addCallback(lambda port: port.stopListening())

    hosted = Host(stop, stop_listening, fd is not None)
    reactor.callWhenRunning(lambda: _background.add(asyncio.ensure_future(live(hosted))))
    server.run()
    broke = any(each.done() and not each.cancelled() and each.exception() for each in _background)
    if broke or not server.listening_addresses:
        sys.exit(1)  # Why was said.


def _endpoints(host: str, port: int, fd: int | None) -> Any:
    if fd is not None:
        return build_endpoint_description_strings(file_descriptor=fd)
    return build_endpoint_description_strings(host=host, port=port)
