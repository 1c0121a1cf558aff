"""What real providers sent, replayed by a real HTTP server, whole and cut at every byte.

The recordings lie beside the repository, if at all; nothing else needs them. What must come of each
is worked out here with nothing but `json`.

Over HTTP they are cut as `cuts` says; without it, each is cut once at every position, and into
single bytes.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from chat.providers.base import Delta, Limits
from chat.providers.chat_answer import ChatAnswer
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.providers.cuts import cut_at, cuts_of
from tests.providers.reading import Call, Heard, asking, deltas_of, joined
from tests.upstream import Upstream
from tests.upstream_script import Script

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recordings" / "chat_completions"
FILES = sorted(FOLDER.glob("*.txt"))
AT_ONCE = 32

if not FILES:
    pytest.skip(f"no recordings at {FOLDER}", allow_module_level=True)

each_recording = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])


def stream_of(path: Path, newline: bytes = b"\n") -> bytes:
    """The recording with its framing put back."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return b"".join(b"data: " + each + newline * 2 for each in [*lines, b"[DONE]"])


def expected_of(path: Path) -> Heard:
    """What the recording says, read the slow and obvious way."""
    heard = Heard()
    for line in path.read_text().splitlines():
        chunk = json.loads(line) if line.strip() else {}
        for choice in chunk.get("choices", []):
            delta = choice["delta"]
            heard.text += delta.get("content") or ""
            heard.reasoning += delta.get("reasoning_content") or ""
            for fragment in delta.get("tool_calls", []):
                add_call(heard, fragment)
            heard.finish = choice.get("finish_reason") or heard.finish
    return heard


def add_call(heard: Heard, fragment: dict[str, Any]) -> None:
    call = heard.calls.setdefault(fragment.get("index", 0), Call())
    call.call_id = call.call_id or fragment.get("id")
    call.name = call.name or fragment["function"].get("name")
    call.arguments += fragment["function"]["arguments"]


def same_words(heard: Heard, expected: Heard) -> None:
    for name in ("text", "reasoning", "refusal", "calls", "finish"):
        assert getattr(heard, name) == getattr(expected, name)


async def replay(
    upstream: Upstream, provider: ChatCompletionsProvider, cuts: list[list[bytes]]
) -> list[Heard]:
    """Every list of pieces as an answer of its own, some at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, pieces: list[bytes]) -> Heard:
        async with turn:
            upstream.scripts[str(number)] = Script(pieces)
            return joined(await deltas_of(provider, asking(str(number))))

    return await asyncio.gather(*(one(number, pieces) for number, pieces in enumerate(cuts)))


def hear_without_http(pieces: list[bytes]) -> Heard:
    answer = ChatAnswer(Limits())
    deltas: list[Delta] = []
    for piece in pieces:
        deltas += answer.feed(piece)
    deltas += answer.end()
    assert answer.failure is None
    return joined(deltas)


@each_recording
async def test_a_recording_arrives_whole(path, upstream, provider):
    upstream.script = Script([stream_of(path)])
    same_words(joined(await deltas_of(provider, asking())), expected_of(path))


@each_recording
async def test_a_recording_arrives_with_other_line_ends_and_pings_between(path, upstream, provider):
    data = b": ping\r\n\r\n" + stream_of(path, b"\r\n").replace(b"\n\r\n", b"\n\r\n: ping\r\n\r\n")
    upstream.script = Script([data])
    same_words(joined(await deltas_of(provider, asking())), expected_of(path))


@each_recording
async def test_a_recording_cut_at_every_byte_arrives_the_same(path, upstream, provider):
    data = stream_of(path)
    whole = (await replay(upstream, provider, [[data]]))[0]
    for heard in await replay(upstream, provider, cuts_of(data)):
        assert heard == whole


@each_recording
def test_a_recording_cut_anywhere_decodes_the_same(path):
    data = stream_of(path)
    whole = hear_without_http([data])
    same_words(whole, expected_of(path))
    assert hear_without_http([data[at : at + 1] for at in range(len(data))]) == whole
    step = max(1, len(data) * len(data) // 20_000_000)
    for position in range(1, len(data), step):
        assert hear_without_http(cut_at(data, [position])) == whole


@each_recording
def test_a_recording_that_breaks_off_anywhere_keeps_what_it_said(path):
    data = stream_of(path)
    whole = hear_without_http([data])
    for position in range(0, len(data), max(1, len(data) // 200)):
        answer = ChatAnswer(Limits())
        heard = joined(answer.feed(data[:position]) + answer.end())
        assert whole.text.startswith(heard.text)
        assert whole.reasoning.startswith(heard.reasoning)
        assert (heard.finish is None) == (answer.failure is not None)


def test_usage_is_as_upstream_counted_it():
    found = {path.name.split(".")[0]: hear_without_http([stream_of(path)]).usage for path in FILES}
    counts = {
        name: (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)
        for name, usage in found.items()
        if usage
    }
    assert counts["azure-model-router"] == (15, 78, 0, 64)
    assert counts["deepseek-reasoning"] == (18, 219, 0, 205)
    assert counts["deepseek-tool-call"] == (339, 83, 320, 39)
    assert counts["perplexity-citations"] == (10, 336, 0, 0)
    # It counts its reasoning beside the output; everybody else within it.
    assert counts["xai-text"] == (12, 342, 11, 340)


def test_sources_are_named_once_although_every_chunk_repeats_them():
    (path,) = [each for each in FILES if each.name.startswith("perplexity")]
    urls = [each.url for each in hear_without_http([stream_of(path)]).citations]
    assert len(urls) == len(set(urls)) == 7
    assert urls[1] == "https://en.wikipedia.org/wiki/San_Francisco"
