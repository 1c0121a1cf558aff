"""The WebSocket shell of a session: Channels' consumer, and what its defaults must not do to us."""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import parse_qs

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from chat.access import Identity
from chat.database import UNREACHABLE
from chat.engine.process import Engine, current_engine
from chat.protocol.errors import Unauthorized, Unavailable, WireError
from chat.web.closing import TRY_AGAIN
from chat.web.frames import text_of
from chat.web.session import Session
from chat.web.signing_in import identify

logger = logging.getLogger(__name__)

# Daphne gives a handshake up after five seconds, a page after nine: they had better be told to come
# again.
HANDSHAKE_SECONDS = 3.0
RETRY_SECONDS = 0.1

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_UNAUTHORIZED = Unauthorized("invalid_api_key", "Sign in, or send an API key that is valid.")
_UNAVAILABLE = Unavailable("unavailable", "The service is not ready. Try again in 1s.")


class ResponsesConsumer(AsyncWebsocketConsumer):
    """`/v1/responses`: hands frames to its session, and the session's frames to the server.

    It has no channel of its own: the process has one inbox for all of its connections.
    """

    channel_layer_alias = ""
    session: Session | None = None

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message of the server without Channels' look at the ORM's connections.

        That look hops to the one thread that all connections of the process share, for each
        message; nothing that a message does here uses the ORM.
        """
        match message["type"]:
            case "websocket.receive":
                if self.session is not None:
                    self.session.receive(message.get("text"))
            case "websocket.connect":
                await self.websocket_connect(message)
            case "websocket.disconnect":
                await self.websocket_disconnect(message)

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                engine = await current_engine()
                identity = await self._identify(engine)
        except UNREACHABLE as error:
            logger.warning("Postgres is away, a connection is refused: %s", error)
            await self._refuse(_UNAVAILABLE, [(b"retry-after", b"1")])
            return
        if engine.audience.is_closed:
            await self._refuse(_UNAVAILABLE, [(b"retry-after", b"1")])
            return
        if identity is None:
            await self._refuse(_UNAUTHORIZED, [(b"www-authenticate", b"Bearer")])
            return
        query = parse_qs(self.scope.get("query_string", b"").decode("latin1"))
        offered = self.scope.get("subprotocols") or [None]
        await self.accept(subprotocol=offered[0])
        self.session = Session(
            engine,
            identity,
            self._send_text,
            self._close,
            extended=query.get("interject") == ["1"],
        )
        self.session.start()
        self._follow_as_addressed(query)

    async def _identify(self, engine: Engine) -> Identity | None:
        """A Postgres that restarts is back in a moment."""
        while True:
            try:
                return await identify(self.scope, engine.pool)
            except UNREACHABLE as error:
                logger.debug("Postgres is away, a handshake asks again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _refuse(self, error: WireError, headers: list[tuple[bytes, bytes]]) -> None:
        """By its status where the server can say so. Daphne can only close, which is a 403.

        A 403 is no reason to try again, so there what passes is said by a close code.
        """
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            if error is _UNAVAILABLE:
                await self.accept()
                await self.close(TRY_AGAIN)
            else:
                await self.close()
            return
        headers = [(b"content-type", b"application/json"), *headers]
        await self.base_send(
            {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
        )
        body = text_of({"error": error.payload()}).encode()
        await self.base_send({"type": "websocket.http.response.body", "body": body})

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self._finish()
        raise StopConsumer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # A server that is told to stop cancels its connections without a last message.
            await self._finish()

    async def _finish(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            await session.finish()

    async def _send_text(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _close(self, code: int) -> None:
        await self.close(code)

    def _follow_as_addressed(self, query: dict[str, list[str]]) -> None:
        """`?conversation=…&response_id=…&starting_after=…` does what `interject:follow` does."""
        conversation = query.get("conversation")
        if self.session is None or not conversation:
            return
        frame: dict[str, Any] = {"type": "interject:follow", "conversation": conversation[0]}
        response_ids = query.get("response_id", [])
        numbers = query.get("starting_after", [])
        if response_ids and numbers:
            frame["after"] = [
                {"response_id": response_id, "sequence_number": _number(number)}
                for response_id, number in zip(response_ids, numbers, strict=False)
            ]
        self.session.receive(text_of(frame))


def _number(text: str) -> Any:
    """Whatever is no number stays as it is, for the frame to be refused by its name."""
    return int(text) if _NUMBER.fullmatch(text) else text
