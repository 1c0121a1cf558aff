"""A real HTTP upstream of the tests' own: Chat Completions, scripted to the byte.

In the test's loop:

    async with Upstream() as upstream:
        gate = Gate()
        upstream.script = whole("Hello, ", "world", gate=gate)   # for every prompt
        upstream.scripts["second prompt"] = refusal(429)         # for the prompt with this text
        upstream.scripts["other-model"] = whole("ok")            # for this model
        provider = ChatCompletionsProvider(base_url=upstream.base_url, api_key="key")
        ...                                                      # the prompt is sent
        seen = await upstream.request()                          # the first request that arrives
        assert seen.json["messages"][-1]["content"] == "..."
        gate.open()
        await seen.closed()                                      # the client closed the connection

From a test without a loop, in a thread of its own:

    with Upstream().in_thread() as upstream:
        upstream.wait_for_request().wait_closed()

As a process: `python -m tests.upstream --port 9000`.

A prompt may ask for its own script, which is handy with many streams at once: "say 200 tokens at
50/s", "say 20 tokens then cut", "fail with 429", "hang", "echo some words" (see
`upstream_script.asked_for`; the text is that of the last user message). Which script answers, first
match: `scripts[last user text]`, `scripts[model]`, `scripts[path]`, what the prompt asks for,
`script`. A value may also be a function from the `Seen` request to a script.

Everything that waits has a deadline. Times are `time.monotonic()`.
"""

import argparse
import asyncio
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast
from urllib.parse import urlsplit

from tests.gate import SECONDS, Gate
from tests.upstream_script import (
    CUT,
    HANG,
    RESET,
    Accident,
    Endlessly,
    Every,
    Script,
    Step,
    asked_for,
    whole,
)

Answerer = Script | Callable[["Seen"], Script]
NOW = time.monotonic
SCRIPT_SECONDS = 600.0
TURNS_TO_BE_READ = 3


class Seen:
    """One request, and what became of its answer."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.arrived_at = NOW()
        self.bytes_sent = 0
        self.answered_at: float | None = None
        self.closed_at: float | None = None
        self._answered = Gate("the end of the answer")
        self._closed = Gate("the closing by the client")

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body or b"{}")
        assert isinstance(found, dict)
        return found

    @property
    def prompt(self) -> str:
        """The text of the last user message."""
        for message in reversed(self.json.get("messages", [])):
            if message["role"] == "user":
                content = message["content"]
                if isinstance(content, str):
                    return content
                return "\n".join(part.get("text", "") for part in content)
        return ""

    @property
    def is_open(self) -> bool:
        """Whether its answer is still being given to a client that is still there."""
        return self.answered_at is None and self.closed_at is None

    async def closed(self, seconds: float = SECONDS) -> float:
        """When the connection was closed: by the client, unless the script did it."""
        await self._closed.passed(seconds)
        return self._when(self.closed_at)

    def wait_closed(self, seconds: float = SECONDS) -> float:
        self._closed.wait(seconds)
        return self._when(self.closed_at)

    async def answered(self, seconds: float = SECONDS) -> float:
        """When the whole script was sent."""
        await self._answered.passed(seconds)
        return self._when(self.answered_at)

    def mark_answered(self) -> None:
        self.answered_at = NOW()
        self._answered.open()

    def mark_closed(self) -> None:
        if self.closed_at is None:
            self.closed_at = NOW()
            self._closed.open()

    @staticmethod
    def _when(moment: float | None) -> float:
        assert moment is not None
        return moment


class Upstream:
    """The server.

    `requests` are all that arrived, oldest first; `connections` counts the sockets there ever were,
    `live` holds those that are open. `refuse_at_once`: raw bytes with which every request is
    answered as soon as its head is there; the body is not read any more.
    """

    def __init__(
        self,
        script: Answerer | None = None,
        models: Sequence[str] = ("test-model",),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script: Answerer = script or whole("Hello, ", "world", "!")
        self.refuse_at_once: bytes | None = None
        self.scripts: dict[str, Answerer] = {}
        self.models = list(models)
        self.requests: list[Seen] = []
        self.connections = 0
        self.port = 0
        self.live: set[_Connection] = set()
        self._tls = tls
        self._changed = Gate()
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def open_streams(self) -> int:
        """Answers that are being given to clients that are still there."""
        return sum(seen.is_open for seen in list(self.requests))

    # --- running

    async def __aenter__(self) -> "Upstream":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._server = await loop.create_server(
            lambda: _Connection(self), sock=listener, backlog=4096, ssl=self._tls
        )
        self.port = listener.getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        live = list(self.live)
        for connection in live:
            connection.abort()
        await asyncio.gather(*(connection.gone() for connection in live))

    @contextmanager
    def in_thread(self) -> Iterator["Upstream"]:
        """Run in a thread with a loop of its own, for tests that have none."""
        ready, loop = Gate("the server"), asyncio.new_event_loop()
        ended: asyncio.Future[None] = loop.create_future()

        async def serve() -> None:
            async with self:
                ready.open()
                await ended

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ended.set_result, None)
            thread.join()
            loop.close()

    # --- waiting

    async def until(self, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        """Wait until something holds that only changes with requests and connections."""
        deadline = NOW() + seconds
        while True:
            changed = self._changed
            if holds():
                return
            await changed.passed(max(0.001, deadline - NOW()))

    def wait_until(self, holds: Callable[[], bool], seconds: float = SECONDS) -> None:
        deadline = NOW() + seconds
        while True:
            changed = self._changed
            if holds():
                return
            changed.wait(max(0.001, deadline - NOW()))

    async def request(self, number: int = 0, seconds: float = SECONDS) -> Seen:
        """The request of that number, from 0, as soon as it has arrived."""
        await self.until(lambda: len(self.requests) > number, seconds)
        return self.requests[number]

    def wait_for_request(self, number: int = 0, seconds: float = SECONDS) -> Seen:
        self.wait_until(lambda: len(self.requests) > number, seconds)
        return self.requests[number]

    async def quiet(self, seconds: float = SECONDS) -> None:
        """Wait until no stream is open: nothing leaks."""
        await self.until(lambda: self.open_streams == 0, seconds)

    # --- what connections call

    def changed(self) -> None:
        before, self._changed = self._changed, Gate("what was waited for")
        before.open()

    def joined(self, connection: "_Connection") -> None:
        self.connections += 1
        self.live.add(connection)

    def left(self, connection: "_Connection") -> None:
        self.live.discard(connection)
        self.changed()

    def answer_to(self, seen: Seen) -> Script:
        self.requests.append(seen)
        self.changed()
        answerer = self._answerer(seen)
        return answerer(seen) if callable(answerer) else answerer

    def _answerer(self, seen: Seen) -> Answerer:
        path = urlsplit(seen.path).path
        for key in (seen.prompt, seen.json.get("model", ""), path):
            if key in self.scripts:
                return self.scripts[key]
        if path == "/v1/models":
            listed = [{"id": each, "object": "model"} for each in self.models]
            body = json.dumps({"object": "list", "data": listed}).encode()
            return Script([body], content_type="application/json")
        if path != "/v1/chat/completions":
            return Script([b"{}"], status=404, content_type="application/json")
        return asked_for(seen.prompt) or self.script


class _Gone(Exception):
    """The connection is not there any more."""


class _Connection(asyncio.Protocol):
    """One connection of a client: requests in, scripts out, one after another."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._inbox = bytearray()
        self._seen: Seen | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's
        self._upstream.joined(self)

    def data_received(self, data: bytes) -> None:
        self._inbox += data
        self._next()

    def eof_received(self) -> None:
        self._left()

    def connection_lost(self, exc: Exception | None) -> None:
        self._left()
        self._lost.set()
        self._upstream.left(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        self._transport.abort()

    async def gone(self) -> None:
        await self._lost.wait()
        if self._task is not None:
            await asyncio.wait({self._task})

    def _left(self) -> None:
        if self._seen is not None:
            self._seen.mark_closed()
        if self._task is not None:
            self._task.cancel()
        self._upstream.changed()

    def _next(self) -> None:
        """Answer the request that has arrived, if all of it has and none is being answered."""
        if self._task is not None and not self._task.done():
            return
        head, found, rest = bytes(self._inbox).partition(b"\r\n\r\n")
        if not found:
            return
        if self._upstream.refuse_at_once is not None:
            self._transport.write(self._upstream.refuse_at_once)
            self._transport.pause_reading()
            return
        line, *fields = head.decode("latin-1").split("\r\n")
        pairs = (each.split(":", 1) for each in fields)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        method, path, _ = line.split(" ")
        self._inbox = bytearray(rest[length:])
        self._seen = Seen(method, path, headers, rest[:length])
        script = self._upstream.answer_to(self._seen)
        self._task = asyncio.get_running_loop().create_task(self._answer(self._seen, script))

    async def _answer(self, seen: Seen, script: Script) -> None:
        with suppress(_Gone):
            for step in script.before_head:
                await self._take(step, script)
            if not script.raw:
                self._transport.write(_head(script))
            for step in script.pieces:
                await self._take(step, script)
            self._conclude(script)
            seen.mark_answered()
            self._upstream.changed()
            if not self._transport.is_closing():
                asyncio.get_running_loop().call_soon(self._next)

    async def _take(self, step: Step, script: Script) -> None:
        match step:
            case bytes():
                await self._write(step, script)
            case Gate():
                await step.passed(SCRIPT_SECONDS)
            case Every():
                await self._pace(step, script)
            case Endlessly():
                while True:
                    await self._write(step.piece, script)
                    await asyncio.sleep(step.seconds)
            case Accident():
                await self._suffer(step)

    async def _pace(self, step: Every, script: Script) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, piece in enumerate(step.pieces):
            await asyncio.sleep(max(0.0, began + number / step.per_second - loop.time()))
            await self._write(piece, script)

    async def _suffer(self, accident: Accident) -> None:
        if accident is HANG:
            await self._lost.wait()
            raise _Gone
        if self._seen is not None:
            self._seen.mark_answered()
        if accident is CUT:
            self._transport.close()
        elif accident is RESET:
            # Lingering for zero seconds makes the kernel send RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        raise _Gone

    async def _write(self, piece: bytes, script: Script) -> None:
        if script.framing == "chunked" and not script.raw:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self._transport.write(piece)
        if self._seen is not None:
            self._seen.bytes_sent += len(piece)
        await self._writable.wait()
        # A client in this loop reads each piece by itself: cuts are cuts.
        for _ in range(TURNS_TO_BE_READ):
            await asyncio.sleep(0)

    def _conclude(self, script: Script) -> None:
        if script.raw or script.framing == "close":
            self._transport.close()
        elif script.framing == "chunked":
            self._transport.write(b"0\r\n\r\n")


def _head(script: Script) -> bytes:
    headers = dict(script.headers)
    if script.content_type is not None:
        headers["content-type"] = script.content_type
    if script.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif script.framing == "length":
        body = b"".join(piece for piece in script.pieces if isinstance(piece, bytes))
        headers["content-length"] = str(len(body))
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {script.status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _main(port: int) -> None:
    upstream = Upstream()
    await upstream.start(port)
    print(f"OPENAI_BASE_URL={upstream.base_url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A scripted upstream")
    parser.add_argument("--port", type=int, default=0)
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))
