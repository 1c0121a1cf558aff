"""What the tests' upstream says: pieces of bytes with gates and accidents between them.

A `Script` is one HTTP answer. Its `pieces` are sent in order:

    b"..."              written at once, as one chunk of the body
    Gate()              waits until the test opens it
    Every(20, [...])    the bytes in the list, so many a second, by an absolute schedule
    Endlessly(b, 0.01)  the same bytes again and again, until the client is gone
    HANG                nothing more; waits until the client is gone
    CUT                 closes the connection without ending the body
    RESET               the same, by a TCP reset

`say`, `chunk`, `think`, `call`, `finish`, `usage` and `done` make the bytes of Chat Completions;
`upstream_responses` makes those of the Responses API.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.gate import Gate


class Accident:
    """Something that a server does to its client."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


HANG = Accident("HANG")
CUT = Accident("CUT")
RESET = Accident("RESET")


@dataclass(frozen=True)
class Every:
    """Pieces at a pace."""

    per_second: float
    pieces: Sequence[bytes]


@dataclass(frozen=True)
class Endlessly:
    """One piece again and again, `seconds` apart."""

    piece: bytes
    seconds: float = 0.01


Step = bytes | Gate | Every | Endlessly | Accident


@dataclass(frozen=True)
class Script:
    """One answer. `before_head` are steps (gates, HANG, CUT, RESET) taken before the status line.

    `framing`: "chunked" (each write is a chunk), "close" (the body ends with the connection) or
    "length" (with a Content-Length). `raw`: the pieces are everything, status line and all.
    """

    pieces: Sequence[Step] = ()
    status: int = 200
    content_type: str | None = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    before_head: Sequence[Step] = ()
    framing: str = "chunked"
    raw: bool = False


# --- the bytes of Chat Completions


def event(payload: Any) -> bytes:
    """One server-sent event with this JSON (or these very bytes) as its data."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return b"data: " + data + b"\n\n"


def delta(finish_reason: str | None = None, **fields: Any) -> bytes:
    """A chunk that adds these fields."""
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1770000000,
            "model": "test-model",
            "choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}],
        }
    )


def chunk(text: str) -> bytes:
    return delta(content=text)


def think(text: str) -> bytes:
    return delta(reasoning_content=text)


def call(index: int, call_id: str | None, name: str | None, arguments: str) -> bytes:
    """A fragment of a tool call; None leaves a field out."""
    function = {"name": name, "arguments": arguments}
    fragment: dict[str, Any] = {"index": index, "id": call_id, "function": function}
    return delta(tool_calls=[fragment])


def finish(reason: str = "stop") -> bytes:
    return delta(finish_reason=reason)


def usage(read: int = 7, written: int = 11) -> bytes:
    """The last chunk, without choices."""
    counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return event({"object": "chat.completion.chunk", "choices": [], "usage": counts})


def done() -> bytes:
    return event(b"[DONE]")


def ping() -> bytes:
    return b": ping\n\n"


def say(*texts: str, gate: Gate | Sequence[Gate] | None = None) -> list[Step]:
    """Chunks of text. One gate stands before the last text; several stand one between each two."""
    steps: list[Step] = [chunk(text) for text in texts]
    if isinstance(gate, Gate):
        steps.insert(max(len(steps) - 1, 0), gate)
    elif gate is not None:
        for position, each in reversed(list(enumerate(gate, start=1))):
            steps.insert(position, each)
    return steps


def whole(*texts: str, gate: Gate | Sequence[Gate] | None = None) -> Script:
    """A complete answer: the texts, a finish, usage and [DONE]."""
    return Script([*say(*texts, gate=gate), finish(), usage(), done()])


# --- scripts that a prompt asks for


def tokens(count: int) -> list[str]:
    """The tokens of "say … tokens": numbered, so that a loss, a double or a swap shows."""
    return [f"{number} " for number in range(count)]


COMMAND = re.compile(
    r"say (?P<count>\d+) tokens?(?: at (?P<rate>[\d.]+)/s)?(?: then (?P<then>cut|reset|hang|fail))?"
    r"|fail with (?P<status>\d{3})|(?P<hang>hang)$|echo (?P<echo>.+)",
    re.DOTALL,
)


class Speech(NamedTuple):
    """An API that upstream speaks: where, and its words for what every answer has."""

    path: str
    chunk: Callable[[str], bytes]
    think: Callable[[str], bytes]
    end: Sequence[Step]
    failure: bytes
    whole: Callable[..., Script]


CHAT = Speech(
    path="/v1/chat/completions",
    chunk=chunk,
    think=think,
    end=(finish(), usage(), done()),
    failure=event({"error": {"message": "as the prompt asked", "type": "server_error"}}),
    whole=whole,
)


def asked_for(prompt: str, speech: Speech = CHAT) -> Script | None:
    """The script that a prompt's own words ask for, if they do.

    "say 200 tokens", "say 200 tokens at 50/s", "say 20 tokens at 50/s then cut" (or reset, hang,
    fail), "fail with 429", "hang", "echo whatever follows".
    """
    found = COMMAND.search(prompt)
    if found is None:
        return None
    if found["hang"]:
        return Script(before_head=[HANG])
    if found["status"]:
        return refusal(int(found["status"]), "as the prompt asked")
    if found["echo"]:
        return speech.whole(*re.findall(r"\s*\S+", found["echo"]))
    chunks = [speech.chunk(token) for token in tokens(int(found["count"]))]
    paced: Iterable[Step] = [Every(float(found["rate"]), chunks)] if found["rate"] else chunks
    endings: dict[str | None, Sequence[Step]] = {
        None: speech.end, "cut": (CUT,), "reset": (RESET,), "hang": (HANG,),
        "fail": (speech.failure,),
    }  # fmt: skip
    return Script([*paced, *endings[found["then"]]])


def refusal(
    status: int, message: str = "refused", code: str | None = None, **headers: str
) -> Script:
    """An error as OpenAI words it. Header names are written with underscores."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Script([body], status=status, content_type="application/json", headers=named)


HTML = b"<!doctype html>\n<html><body><h1>Welcome</h1>\n</body></html>\n"


def html(*pieces: Step, status: int = 200, content_type: str = "text/html") -> Script:
    """A page, as what stands before an upstream would send it."""
    return Script(pieces or [HTML], status=status, content_type=content_type)


def as_json(content: object, status: int) -> Script:
    """An answer that is no stream; bytes are sent as they are."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Script([data], status=status, content_type="application/json")
