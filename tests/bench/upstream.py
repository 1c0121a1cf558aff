"""The bench's upstream: Chat Completions over bare sockets, one token a chunk, by the clock.

A process of its own: `python -m tests.bench.upstream --port N`. It must never be what is waited
for: chunks are encoded once, at the start, and a token costs one timer and one write.
With `--by-name` the tokens name their answer, at the price of encoding each when it is said.
`GET /seen/PREFIX` tells what became of the answers whose tags begin so; times are
`time.monotonic()`, which is one clock for all processes of a machine.
"""

import argparse
import asyncio
import json
import re
import time
from itertools import count

import uvloop

from tests.bench.plan import Plan, asked_for, token, token_of

BACKLOG = 2048
MAX_WAIT_SECONDS = 0.25
# Streams that start together must not speak together: each keeps a phase of its own.
GOLDEN_RATIO = 0.618034

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def _event(payload: bytes) -> bytes:
    """A server-sent event as a chunk of HTTP."""
    event = b"data: " + payload + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _chunk(choices: list[object], **more: object) -> bytes:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "bench",
        "system_fingerprint": "fp_bench",
        "choices": choices,
        **more,
    }
    return _event(json.dumps(chunk, separators=(",", ":")).encode())


def _spoken(text: str) -> bytes:
    delta = {"content": text}
    return _chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])


TOKENS: list[bytes] = []
ENCODED_AT_START = 8_192


def _same_for_all(plan: Plan, start: int, end: int) -> list[bytes]:
    if end > len(TOKENS):
        TOKENS.extend(_spoken(token(number)) for number in range(len(TOKENS), plan.tokens))
    return TOKENS[start:end]


def _by_name(plan: Plan, start: int, end: int) -> list[bytes]:
    return [_spoken(token_of(plan.tag, number)) for number in range(start, end)]


def _ending(tokens: int) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
    stop = _chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    return stop + _chunk([], usage=usage) + _event(b"[DONE]") + b"0\r\n\r\n"


class Seen:
    """What became of one answer."""

    __slots__ = ("closed_at", "complete", "opened_at", "sent")

    def __init__(self) -> None:
        self.opened_at = time.monotonic()
        self.closed_at: float | None = None
        self.complete = False
        self.sent = 0

    def shape(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


class Answering(asyncio.Protocol):
    """One connection: requests one after another, each answered by its plan."""

    seen: dict[str, Seen] = {}
    phases = count(1)
    words = staticmethod(_same_for_all)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = bytearray()
        self._plan: Plan | None = None
        self._now: Seen | None = None
        self._base = 0.0
        self._timer: asyncio.Handle | None = None
        self._transport: asyncio.Transport
        self._full = False

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._asked += data
        head, found, body = bytes(self._asked).partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            return
        self._asked.clear()
        if head.startswith(b"POST"):
            self._answer(asked_for(body.decode()))
        else:
            self._tell(head.split(b" ", 2)[1].decode())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._now is not None and not self._now.complete:
            self._now.closed_at = time.monotonic()
        if self._timer is not None:
            self._timer.cancel()
        self._plan = None

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._plan is not None and not self._plan.per_second:
            self._burst()

    # --- answering

    def _answer(self, plan: Plan) -> None:
        self._plan = plan
        self._now = self.seen[plan.tag] = Seen()
        self._transport.write(HEAD)
        if not plan.per_second:
            self._timer = self._loop.call_soon(self._burst)
            return
        phase = next(self.phases) * GOLDEN_RATIO % 1
        self._base = time.monotonic() + plan.first_seconds + phase / plan.per_second
        self._timer = self._loop.call_later(plan.first_seconds, self._begin)

    def _begin(self) -> None:
        """The first token comes at once; the phase is that of the others."""
        self._speak(1)
        self._pace()

    def _pace(self) -> None:
        """Say what is due by now, and come back for the next."""
        if self._plan is None or self._now is None:
            return
        due = int((time.monotonic() - self._base) * self._plan.per_second) + 1
        self._speak(min(due, self._plan.tokens) - self._now.sent)
        if self._now.sent < self._plan.tokens:
            wait = self._base + self._now.sent / self._plan.per_second - time.monotonic()
            self._timer = self._loop.call_later(max(wait, 0.001), self._pace)
        else:
            self._timer = self._loop.call_later(self._plan.last_seconds, self._end)

    def _burst(self) -> None:
        """One token and let the other streams have their turn."""
        if self._plan is None or self._now is None or self._full:
            return
        self._speak(1)
        more = self._now.sent < self._plan.tokens
        self._timer = self._loop.call_soon(self._burst if more else self._end)

    def _speak(self, tokens: int) -> None:
        if self._plan is None or self._now is None or tokens <= 0:
            return
        sent = self._now.sent
        self._now.sent += tokens
        self._transport.write(b"".join(self.words(self._plan, sent, sent + tokens)))

    def _end(self) -> None:
        if self._plan is None or self._now is None:
            return
        self._now.complete = True
        plan, self._plan = self._plan, None
        self._transport.write(_ending(plan.tokens))

    def _tell(self, path: str) -> None:
        if path.startswith("/seen/"):
            prefix = path.removeprefix("/seen/")
            told: object = {
                tag: each.shape() for tag, each in self.seen.items() if tag.startswith(prefix)
            }
        else:
            told = {"object": "list", "data": [{"id": "bench", "object": "model"}]}
        body = json.dumps(told).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def _serve(port: int) -> None:
    TOKENS.extend(_spoken(token(number)) for number in range(ENCODED_AT_START))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--by-name", action="store_true")
    arguments = parser.parse_args()
    if arguments.by_name:
        Answering.words = staticmethod(_by_name)
    uvloop.run(_serve(arguments.port))
