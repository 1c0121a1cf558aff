"""A real HTTP upstream of the tests' own: Chat Completions and Responses, scripted to the byte.

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
`script`, a greeting. A value may also be a function from the `Seen` request to a script.

Everything that waits has a deadline. Times are `time.monotonic()`.
"""

import argparse
import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.gate import SECONDS, Gate
from tests.upstream_connection import Connection
from tests.upstream_responses import RESPONSES
from tests.upstream_script import CHAT, Script, asked_for
from tests.upstream_seen import NOW, Seen

Answerer = Script | Callable[[Seen], Script]

GREETING = ("Hello, ", "world", "!")
SPEECHES = {speech.path: speech for speech in (CHAT, RESPONSES)}


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
        self.script: Answerer | None = script
        self.refuse_at_once: bytes | None = None
        self.scripts: dict[str, Answerer] = {}
        self.models = list(models)
        self.requests: list[Seen] = []
        self.connections = 0
        self.port = 0
        self.live: set[Connection] = set()
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
            lambda: Connection(self), sock=listener, backlog=4096, ssl=self._tls
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

    def joined(self, connection: "Connection") -> None:
        self.connections += 1
        self.live.add(connection)

    def left(self, connection: "Connection") -> None:
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
        speech = SPEECHES.get(path)
        if speech is None:
            return Script([b"{}"], status=404, content_type="application/json")
        return asked_for(seen.prompt, speech) or self.script or speech.whole(*GREETING)


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
