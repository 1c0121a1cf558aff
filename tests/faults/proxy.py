"""A TCP proxy that stands between a process and what it talks to, and is switched while it runs.

It runs in a thread of its own, so that a test that is busy, or has no loop, does not hold it up:

    with Proxy(("127.0.0.1", 6379)) as redis, Proxy("/tmp/sockets/.s.PGSQL.5432") as postgres:
        ...                          # processes are given 127.0.0.1:redis.port
        redis.stall()                # accepts, and passes nothing
        redis.heal()
        postgres.refuse()            # nobody gets in any more; who is in is reset
        postgres.set(delay_seconds=0.2, bytes_per_second=50_000, direction=ANSWERS)
        lost = postgres.lose_answer_to(b"some words")
        lost.wait()                  # what bore the words arrived; its answer never came back

Directions: `ASKED` goes to the server, `ANSWERS` comes back.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.gate import Gate
from tests.resets import reset_when_closed

Address = tuple[str, int] | str  # A path is a Unix socket's.
ASKED, ANSWERS = "asked", "answers"
CHUNK_BYTES = 64 * 1024


@dataclass
class _Way:
    """How bytes pass in one direction."""

    delay_seconds: float = 0.0
    bytes_per_second: float | None = None
    swallows: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_by(self, count: int) -> None:
        await self.open.wait()
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.bytes_per_second:
            await asyncio.sleep(count / self.bytes_per_second)
            await self.open.wait()

    @property
    def chunk_bytes(self) -> int:
        """So little at once that a slow way is slow evenly."""
        if self.bytes_per_second is None:
            return CHUNK_BYTES
        return max(1, min(CHUNK_BYTES, int(self.bytes_per_second / 10)))


class Proxy:
    """One listening port in front of one server. `target` may change while it runs."""

    def __init__(self, target: Address) -> None:
        self.target = target
        self.port = 0
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._ways = {ASKED: _Way(), ANSWERS: _Way()}
        self._traps: dict[bytes, Gate] = {}

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._call(self._listen)
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what a test does to it

    def stall(self, *directions: str) -> None:
        """Accept, and pass nothing, until healed. What comes meanwhile is passed then."""

        def stall() -> None:
            for each in directions or (ASKED, ANSWERS):
                self._ways[each].open.clear()

        self._call(stall)

    def swallow(self, *directions: str) -> None:
        """Take everything, and throw it away: each end believes the other one to be silent."""

        def swallow() -> None:
            for each in directions or (ASKED, ANSWERS):
                self._ways[each].swallows = True

        self._call(swallow)

    def set(self, *, direction: str | None = None, **how: Any) -> None:
        """`delay_seconds` and `bytes_per_second`, in one direction or both."""

        def change() -> None:
            for each in [direction] if direction else [ASKED, ANSWERS]:
                for name, value in how.items():
                    setattr(self._ways[each], name, value)

        self._call(change)

    def drop(self) -> None:
        """Reset every connection. New ones are taken."""
        self._call(self._drop)

    def refuse(self) -> None:
        """Reset every connection, and let nobody in until healed."""
        self._call(self._close)

    def heal(self) -> None:
        """Pass everything again, at once."""

        async def heal() -> None:
            self._traps.clear()
            for way in self._ways.values():
                way.delay_seconds, way.bytes_per_second, way.swallows = 0.0, None, False
                way.open.set()
            if self._server is None:
                await self._listen()

        self._call(heal)

    def lose_answer_to(self, words: bytes) -> Gate:
        """Once: what bears the words is passed on, its answer is not, and the connection is reset.

        Opens when the server has answered.
        """
        lost = Gate("a lost answer")
        self._call(lambda: self._traps.__setitem__(words, lost))
        return lost

    @property
    def connections(self) -> int:
        return len(self._pairs)

    # --- in its own thread

    def altering(self) -> Callable[[bytes], bytes]:
        """For one connection: what becomes of the bytes that come back."""
        return lambda data: data

    def _call(self, work: Callable[[], Any]) -> None:
        async def run() -> None:
            done = work()
            if done is not None:
                await done

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, limit=CHUNK_BYTES, backlog=4096
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        await self._close()
        while self._pairs:
            await asyncio.sleep(0)

    def _drop(self) -> None:
        for pair in list(self._pairs):
            pair.reset()

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self._drop()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pair = _Pair(self, reader, writer)
        self._pairs.add(pair)
        try:
            await pair.serve()
        finally:
            self._pairs.discard(pair)

    def way(self, direction: str) -> _Way:
        return self._ways[direction]

    def trapped(self, data: bytes) -> Gate | None:
        for words in self._traps:
            if words in data:
                return self._traps.pop(words)
        return None


class _Pair:
    """One connection of a client, and the one to the server that was made for it."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self._trap: Gate | None = None
        self._alter = proxy.altering()
        self._relaying: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        self._relaying = asyncio.create_task(self._relay())
        await asyncio.wait({self._relaying})
        self._abort()

    async def _relay(self) -> None:
        with suppress(OSError):  # Either end left.
            reader, writer = await self._reach()
            self._writers.append(writer)
            ways = [
                self._pump(self._reader, writer, ASKED),
                self._pump(reader, self._writers[0], ANSWERS),
            ]
            await asyncio.gather(*ways)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = self._proxy.target
        if isinstance(target, str):
            return await asyncio.open_unix_connection(target, limit=CHUNK_BYTES)
        return await asyncio.open_connection(*target, limit=CHUNK_BYTES)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        way = self._proxy.way(direction)
        while data := await reader.read(way.chunk_bytes):
            await way.pass_by(len(data))
            if direction == ASKED and self._trap is None:
                self._trap = self._proxy.trapped(data)
            elif direction == ANSWERS and self._trap is not None:
                self._trap.open()
                raise ConnectionResetError("its answer is lost")
            if not way.swallows:
                writer.write(self._alter(data) if direction == ANSWERS else data)
                await writer.drain()
        await way.open.wait()
        if not way.swallows and writer.can_write_eof():
            writer.write_eof()

    def reset(self) -> None:
        if self._relaying is not None:
            self._relaying.cancel()
        self._abort()

    def _abort(self) -> None:
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX and not writer.is_closing():
                reset_when_closed(sock)
            writer.transport.abort()
