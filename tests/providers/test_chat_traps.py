"""What upstreams do to an answer, each trap as bytes: over HTTP whole, and cut at every byte."""

import json

import pytest

from chat.providers.base import Delta, Limits
from chat.providers.chat_answer import ChatAnswer
from tests.providers.reading import Heard, hear, joined
from tests.providers.traps import END, TRAPS, USED, heard, raw
from tests.upstream_script import Endlessly, Script, chunk, finish

each_trap = pytest.mark.parametrize(("data", "expected"), TRAPS.values(), ids=TRAPS.keys())


def hear_without_http(pieces: list[bytes]) -> Heard:
    answer = ChatAnswer(Limits())
    deltas: list[Delta] = []
    for piece in pieces:
        deltas += answer.feed(piece)
    deltas += answer.end()
    result = joined(deltas)
    result.error = answer.failure
    return result


@each_trap
async def test_a_trap_is_survived_over_http(data, expected, upstream, provider):
    upstream.script = Script([data])
    assert await hear(provider) == expected


@each_trap
def test_a_trap_is_survived_wherever_it_is_cut(data, expected):
    assert hear_without_http([data]) == expected
    assert hear_without_http([data[at : at + 1] for at in range(len(data))]) == expected
    for position in range(1, len(data)):
        assert hear_without_http([data[:position], data[position:]]) == expected


@each_trap
def test_a_trap_with_other_line_ends_is_the_same(data, expected):
    assert hear_without_http([data.replace(b"\n", b"\r\n")]) == expected


UNREADABLE = {
    "an error": '{"error":{"code":%s}}',
    "an error in itself": '{"object":"error","code":%s}',
    "citations": '{"choices":[],"citations":[%s]}',
    "a choice": '{"choices":[{"delta":{"content":%s}}]}',
    "the finish": '{"choices":[{"finish_reason":"stop"}],"citations":%s}',
}
# Python refuses to read a number of more than 4,300 digits; nested so deep, it recurses too far.
HUGE = "7" * 5_000
DEEP = "[" * 5_000 + "]" * 5_000
PARTS = '[{"type":"text","text":' * 400 + '"a"' + "}]" * 400


@pytest.mark.parametrize("value", [HUGE, DEEP, PARTS], ids=["huge", "deep", "parts"])
@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_python_cannot_read_raises_nothing_and_loses_nothing(payload, value):
    found = hear_without_http([chunk("a") + raw(payload % value) + END])
    assert found.text.startswith("a")
    assert found.error is None or found.error.code in ("upstream_protocol", "server_error")
    after = hear_without_http([chunk("a") + finish() + raw(payload % value) + END])
    assert (after.text[:1], after.finish, after.error) == ("a", "stop", None)


async def test_a_line_without_end_after_the_finish_takes_nothing(upstream, provider_with):
    upstream.script = Script([chunk("a"), finish(), b"data: ", Endlessly(b"x" * 10_000, 0)])
    assert await hear(provider_with(line_bytes=100_000)) == heard("a")


async def test_a_server_that_does_not_stream_is_understood(upstream, provider):
    answer = {
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18},
    }
    body = json.dumps(answer, indent=2).encode()
    upstream.script = Script([body[:40], body[40:]], content_type="application/json")
    assert await hear(provider) == heard("a", usage=USED)


@pytest.mark.parametrize("framing", ["chunked", "close", "length"])
async def test_every_framing_of_http_is_read(framing, upstream, provider):
    upstream.script = Script([chunk("a"), chunk("b"), END], framing=framing)
    assert await hear(provider) == heard("ab")
