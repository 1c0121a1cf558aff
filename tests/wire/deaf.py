"""A client that stops reading, on a plain socket: no library may read on its behalf."""

import asyncio
import json
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.service import Account, Service

SECONDS = 20
SMALL_BYTES = 4096  # What its system may hold for it: the rest stays with the service.


class Deaf:
    """Signed in by a key. It sends, and never reads more than the handshake."""

    def __init__(self, sock: socket.socket, protocol: ClientProtocol) -> None:
        self._socket = sock
        self._protocol = protocol

    def send(self, kind: str, **fields: Any) -> None:
        self._protocol.send_text(json.dumps({"type": kind, **fields}).encode())
        self._socket.sendall(b"".join(self._protocol.data_to_send()))

    async def dropped(self) -> None:
        """Wait until the service has reset the connection, without reading. Raises TimeoutError."""
        polling = select.poll()
        polling.register(self._socket, 0)  # Errors and hang-ups are told of always.
        if not await asyncio.to_thread(polling.poll, SECONDS * 1000):
            raise TimeoutError("The service keeps a connection that nobody reads")


@contextmanager
def deaf(service: Service, account: Account) -> Iterator[Deaf]:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        sock.settimeout(SECONDS)
        sock.connect(("127.0.0.1", service.port))
        protocol = ClientProtocol(parse_uri(service.ws_url + "?interject=1"))
        request = protocol.connect()
        request.headers["Authorization"] = f"Bearer {account.key}"
        protocol.send_request(request)
        sock.sendall(b"".join(protocol.data_to_send()))
        while not protocol.events_received():
            protocol.receive_data(sock.recv(SMALL_BYTES))
        assert protocol.handshake_exc is None
        yield Deaf(sock, protocol)
