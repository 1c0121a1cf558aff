"""How a test breaks a TCP connection off."""

import socket
import struct


def reset_when_closed(sock: socket.socket) -> None:
    """Have the kernel send RST, not FIN, once the socket is closed: it lingers for no time."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
