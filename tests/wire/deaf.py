"""A client that stops reading, on a plain socket: no library may read on its behalf."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from tests.resets import reset_when_closed
from tests.service import Account, Service

SECONDS = 20
READ_BYTES = 1024 * 1024
SMALL_BYTES = 4096


class Deaf:
    """Signed in by a key. It sends, and reads no more than the handshake until it is told to."""

    def __init__(self, sock: socket.socket, protocol: ClientProtocol) -> None:
        self._socket = sock
        self._protocol = protocol

    def send(self, kind: str, **fields: Any) -> None:
        self._protocol.send_text(json.dumps({"type": kind, **fields}).encode())
        self._socket.sendall(b"".join(self._protocol.data_to_send()))

    def reset(self) -> None:
        reset_when_closed(self._socket)
        self._socket.close()

    async def hears(self) -> tuple[list[dict[str, Any]], int | None]:
        """Read all there is, up to the close. The frames, and its code."""
        return await asyncio.to_thread(self._read_all)

    def _read_all(self) -> tuple[list[dict[str, Any]], int | None]:
        frames: list[dict[str, Any]] = []
        while piece := self._socket.recv(READ_BYTES):
            self._protocol.receive_data(piece)
            events = self._protocol.events_received()
            frames += [json.loads(e.data) for e in events if getattr(e, "opcode", 0) is Opcode.TEXT]
            if self._protocol.close_rcvd is not None:
                return frames, self._protocol.close_rcvd.code
        return frames, None

    async def dropped(self) -> None:
        """Wait until the service has reset the connection, without reading. Raises TimeoutError."""
        polling = select.poll()
        polling.register(self._socket, 0)  # Errors and hang-ups are told of always.
        if not await asyncio.to_thread(polling.poll, SECONDS * 1000):
            raise TimeoutError("The service keeps a connection that nobody reads")


@contextmanager
def deaf(service: Service, account: Account, room_bytes: int = SMALL_BYTES) -> Iterator[Deaf]:
    """`room_bytes`: what its system may hold for it. With little, reading it all takes long."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
        sock.settimeout(SECONDS)
        sock.connect(("127.0.0.1", service.port))
        protocol = ClientProtocol(parse_uri(service.ws_url + "?interject=1"), max_size=None)
        request = protocol.connect()
        request.headers["Authorization"] = f"Bearer {account.key}"
        protocol.send_request(request)
        sock.sendall(b"".join(protocol.data_to_send()))
        while not protocol.events_received():
            protocol.receive_data(sock.recv(SMALL_BYTES))
        assert protocol.handshake_exc is None
        yield Deaf(sock, protocol)
