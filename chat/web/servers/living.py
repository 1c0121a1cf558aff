"""The engine's life within a server, whichever it is.

Daphne has no lifespan events, and its own SIGTERM drops connections where they stand; uvicorn
waits for connections to close by themselves. So signals are ours: the engine drains while the
server still serves, then clients are sent away with a code on which they come back, then the server
stops.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from django.conf import settings

from chat.engine.process import WORKER, current_engine, hurry_engine, stop_engine

logger = logging.getLogger(__name__)

# Frames over our own limit must reach us, for us to refuse them by name.
ROOM_ABOVE_LIMIT = 2
COLLECTOR_THRESHOLDS = (10_000, 20, 20)


def raise_descriptor_limit() -> None:
    """Each socket and each upstream is a descriptor; shells hand out a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _nothing() -> None:
    """For a process without a server."""


class Host(NamedTuple):
    """The server, as the engine's life sees it. `shares_port`: other processes serve there too."""

    stop: Callable[[], Awaitable[None]] = _nothing
    stop_listening: Callable[[], Awaitable[None]] = _nothing
    shares_port: bool = False


async def live(host: Host, concurrency: int | None = None) -> None:
    """The engine's life within a server's: started with it, drained on the first signal.

    `concurrency`: of a worker, which has no server. A second signal ends the waiting for what runs.
    Raises what kept the engine from starting or stopping: the process's exit status has to tell.
    """
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.put_nowait, number)
    try:
        await current_engine(concurrency)
        spare_the_collector()
        _notify("READY=1")
        await signals.get()
        logger.info("Stopping: what runs may finish; a second signal ends it now")
        if host.shares_port:
            await host.stop_listening()  # Whoever connects from now on reaches another process.
        has_peers = host.shares_port or settings.CHAT.dispatch == WORKER
        stopping = asyncio.ensure_future(stop_engine(has_peers=has_peers))
        second = asyncio.ensure_future(signals.get())
        await asyncio.wait({stopping, second}, return_when=asyncio.FIRST_COMPLETED)
        if second.done():
            logger.info("Stopping now: what runs ends as interrupted")
            await hurry_engine()
        second.cancel()
        await stopping
    except Exception:
        logger.exception("The engine stopped")
        raise
    finally:
        await host.stop()


def _notify(state: str) -> None:
    """Tell whoever started us, as systemd has it: a supervisor stops the old one when we serve."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def spare_the_collector() -> None:
    """What was loaded stays: looking through it again and again finds nothing and stalls everybody.

    A full collection took 60 ms with Django in it. Cycles of requests are young when they die.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
