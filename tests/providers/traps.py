"""What upstreams do to an answer: the bytes of each trap, and what is to be heard of it."""

from typing import Any

from chat.providers.base import Citation, Usage
from tests.providers.reading import Call, Heard
from tests.upstream_script import call, chunk, delta, done, event, finish, ping, think, usage

END = finish() + done()


def heard(text: str = "", finish: str = "stop", **fields: Any) -> Heard:
    return Heard(text=text, finish=finish, **fields)


def raw(payload: str) -> bytes:
    return event(payload.encode("utf-8", "surrogatepass"))


def content(escaped: str) -> bytes:
    """A chunk whose content is spelled exactly so in JSON."""
    return raw('{"choices":[{"index":0,"delta":{"content":"' + escaped + '"}}]}')


def spelled(delta_json: str) -> bytes:
    return raw('{"choices":[{"delta":' + delta_json + "}]}")


USED = Usage(7, 11)
WEATHER = Call("call_1", "weather", '{"city":"Bonn"}')

TRAPS: dict[str, tuple[bytes, Heard]] = {
    # --- how it ends
    "plain": (chunk("a") + chunk("b") + END, heard("ab")),
    "no [DONE]": (chunk("a") + finish(), heard("a")),
    "no finish reason": (chunk("a") + done(), heard("a")),
    "nothing said": (done(), heard()),
    "no blank line at the end": (chunk("a") + finish().rstrip(b"\n"), heard("a")),
    "[DONE] without a blank line": (chunk("a") + b"data: [DONE]", heard("a")),
    "words after [DONE]": (chunk("a") + END + chunk("b"), heard("a")),
    "length": (chunk("a") + finish("length") + done(), heard("a", "length")),
    "filtered": (chunk("a") + finish("content_filter") + done(), heard("a", "content_filter")),
    "Mistral's length": (chunk("a") + finish("model_length") + done(), heard("a", "length")),
    "a reason never heard of": (chunk("a") + finish("whim") + done(), heard("a")),
    "an empty reason first": (delta("", content="a") + chunk("b") + END, heard("ab")),
    "the finish with the last word": (delta("stop", content="a") + done(), heard("a")),
    "words after the finish": (chunk("a") + finish() + chunk("b") + done(), heard("ab")),
    "garbage after the finish": (
        chunk("a") + finish() + raw("garbage") + usage() + raw("[]") + done(),
        heard("a", usage=USED),
    ),
    "an error after the finish": (
        chunk("a") + finish() + raw('{"error":{"message":"late"}}') + usage() + done(),
        heard("a", usage=USED),
    ),
    # --- usage
    "usage last": (chunk("a") + finish() + usage() + done(), heard("a", usage=USED)),
    "usage before the finish": (chunk("a") + usage() + END, heard("a", usage=USED)),
    "usage with every chunk": (usage(7, 1) + chunk("a") + usage() + END, heard("a", usage=USED)),
    "usage null": (raw('{"choices":[],"usage":null}') + chunk("a") + END, heard("a")),
    "usage empty": (raw('{"choices":[],"usage":{}}') + chunk("a") + END, heard("a")),
    "usage details null": (
        raw(
            '{"choices":null,"usage":{"prompt_tokens":7,"completion_tokens":11,'
            '"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null}}}'
        )
        + chunk("a")
        + END,
        heard("a", usage=USED),
    ),
    "usage in fractions": (
        raw('{"usage":{"prompt_tokens":7.0,"completion_tokens":11.0}}') + chunk("a") + END,
        heard("a", usage=USED),
    ),
    "usage beyond all numbers": (
        raw('{"usage":{"prompt_tokens":99999999999999999999,"completion_tokens":-3}}')
        + chunk("a")
        + END,
        heard("a", usage=Usage(2**31 - 1, 0)),
    ),
    # --- shapes
    "no choices": (raw('{"object":"x"}') + chunk("a") + END, heard("a")),
    "empty choices": (raw('{"choices":[]}') + chunk("a") + END, heard("a")),
    "choices null": (raw('{"choices":null}') + chunk("a") + END, heard("a")),
    "a choice null": (raw('{"choices":[null]}') + chunk("a") + END, heard("a")),
    "no delta": (raw('{"choices":[{"index":0}]}') + chunk("a") + END, heard("a")),
    "delta null": (raw('{"choices":[{"delta":null}]}') + chunk("a") + END, heard("a")),
    "content null": (delta(role="assistant", content=None) + chunk("a") + END, heard("a")),
    "content empty": (chunk("") + chunk("a") + END, heard("a")),
    "content a number": (delta(content=5) + chunk("a") + END, heard("a")),
    "no index": (spelled('{"content":"a"}') + END, heard("a")),
    "another choice's words": (
        raw('{"choices":[{"index":1,"delta":{"content":"b"}}]}') + chunk("a") + END,
        heard("a"),
    ),
    "unknown fields": (delta(content="a", mood="good", deep=[[{}]]) + END, heard("a")),
    "an empty event": (b"data:\n\n" + b"data: \n\n" + chunk("a") + END, heard("a")),
    "error null": (raw('{"error":null,"choices":[]}') + chunk("a") + END, heard("a")),
    "JSON on several lines": (
        b'data: {"choices":\ndata: [{"delta":\ndata: {"content":"a"}}]}\n\n' + END,
        heard("a"),
    ),
    "pings": (ping() + chunk("a") + ping() * 3 + chunk("b") + ping() + END, heard("ab")),
    # --- other channels
    "reasoning_content": (think("hm") + chunk("a") + END, heard("a", reasoning="hm")),
    "reasoning": (delta(reasoning="hm") + chunk("a") + END, heard("a", reasoning="hm")),
    "both names of reasoning": (
        delta(reasoning="hm", reasoning_content="hm") + chunk("a") + END,
        heard("a", reasoning="hm"),
    ),
    "reasoning and words at once": (
        delta(reasoning_content="hm", content="a") + END,
        heard("a", reasoning="hm"),
    ),
    "refusal": (delta(refusal="I can") + delta(refusal="not") + END, heard(refusal="I cannot")),
    "content in parts": (
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
        + delta(content=[{"type": "text", "text": "a"}, {"type": "reference", "ids": [1]}, 5])
        + END,
        heard("a", reasoning="hm"),
    ),
    # --- tool calls
    "a call in fragments": (
        call(0, "call_1", "weather", "")
        + call(0, None, None, '{"city":')
        + call(0, "", "", '"Bonn"}')
        + finish("tool_calls")
        + done(),
        heard(finish="tool_calls", calls={0: WEATHER}),
    ),
    "two calls, interleaved": (
        call(0, "call_1", "weather", '{"city":')
        + call(1, "call_2", "time", "{")
        + call(0, None, None, '"Bonn"}')
        + call(1, None, None, "}")
        + finish("tool_calls"),
        heard(finish="tool_calls", calls={0: WEATHER, 1: Call("call_2", "time", "{}")}),
    ),
    "a call without an index": (
        delta(tool_calls=[{"id": "call_1", "function": {"name": "weather", "arguments": "{"}}])
        + delta(tool_calls=[{"function": {"arguments": "}"}}])
        + END,
        heard(finish="tool_calls", calls={0: Call("call_1", "weather", "{}")}),
    ),
    "calls that all have index 0": (
        call(0, "call_1", "weather", "{}") + call(0, "call_2", "time", "{}") + END,
        heard(
            finish="tool_calls",
            calls={0: Call("call_1", "weather", "{}"), 1: Call("call_2", "time", "{}")},
        ),
    ),
    "calls without index and id": (
        delta(tool_calls=[{"function": {"name": "weather", "arguments": "{}"}}])
        + delta(tool_calls=[{"function": {"name": "time", "arguments": "{}"}}])
        + END,
        heard(
            finish="tool_calls",
            calls={0: Call(None, "weather", "{}"), 1: Call(None, "time", "{}")},
        ),
    ),
    "the id and the name again in every fragment": (
        call(0, "call_1", "weather", '{"city":') + call(0, "call_1", "weather", '"Bonn"}') + END,
        heard(finish="tool_calls", calls={0: WEATHER}),
    ),
    "arguments as an object": (
        delta(tool_calls=[{"id": "call_1", "function": {"name": "f", "arguments": {"a": "ü"}}}])
        + END,
        heard(finish="tool_calls", calls={0: Call("call_1", "f", '{"a": "ü"}')}),
    ),
    "arguments null": (
        delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": None}}])
        + END,
        heard(finish="tool_calls", calls={0: Call("c", "f", "")}),
    ),
    "tool calls null and strange": (
        delta(tool_calls=None) + delta(tool_calls=[None, 3]) + chunk("a") + END,
        heard("a"),
    ),
    # --- sources
    "citations": (
        event({"citations": ["https://a.example/", "javascript:x"], "choices": []})
        + chunk("a")
        + event({"citations": ["https://a.example/", "https://b.example/"], "choices": []})
        + END,
        heard(
            "a",
            citations=[
                Citation("https://a.example/", "https://a.example/"),
                Citation("https://b.example/", "https://b.example/"),
            ],
        ),
    ),
    "search results with titles": (
        event(
            {
                "citations": ["https://a.example/"],
                "search_results": [{"url": "https://a.example/", "title": "A"}, 7],
                "choices": [],
            }
        )
        + chunk("a")
        + END,
        heard("a", citations=[Citation("https://a.example/", "A")]),
    ),
    "OpenAI's annotations": (
        chunk("a")
        + delta(
            annotations=[
                {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
            ]
        )
        + END,
        heard("a", citations=[Citation("https://a.example", "A")]),
    ),
    # --- characters
    "letters of four bytes": (
        raw('{"choices":[{"delta":{"content":"é😀漢"}}]}') + END,
        heard("é😀漢"),
    ),
    "escapes": (content("\\u00e9\\ud83d\\ude00\\n") + END, heard("é😀\n")),
    "NUL": (content("a\\u0000b") + END, heard("a\ufffdb")),
    "a lone surrogate": (content("a\\ud800b") + content("c") + END, heard("a\ufffdbc")),
    "a lone low surrogate": (content("a\\udc00") + content("c") + END, heard("a\ufffdc")),
    "a pair cut in two": (content("a\\ud83d") + content("\\ude00b") + END, heard("a😀b")),
    "half a pair, then words": (content("a\\ud83d") + chunk("b") + END, heard("a\ufffdb")),
    "half a pair, then the end": (content("a\\ud83d") + END, heard("a\ufffd")),
    "half a pair, then other channels": (
        content("a\\ud83d") + think("hm") + content("\\ude00") + END,
        heard("a😀", reasoning="hm"),
    ),
    "a pair cut in two in a call's arguments": (
        spelled(
            '{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"\\ud83d"}}]}'
        )
        + spelled('{"tool_calls":[{"index":0,"function":{"arguments":"\\ude00"}}]}')
        + END,
        heard(finish="tool_calls", calls={0: Call("c", "f", "😀")}),
    ),
    "a call's id and name with what cannot be kept": (
        spelled('{"tool_calls":[{"index":0,"id":"c\\ud800","function":{"name":"\\ud800x"}}]}')
        + spelled('{"tool_calls":[{"index":1,"id":"d\\u0000","function":{"name":"y\\u0000"}}]}')
        + END,
        heard(
            finish="tool_calls",
            calls={0: Call("c\ufffd", "\ufffdx"), 1: Call("d\ufffd", "y\ufffd")},
        ),
    ),
    "bad UTF-8": (
        b'data: {"choices":[{"delta":{"content":"a\xff\xfeb"}}]}\n\n' + END,
        heard("a\ufffd\ufffdb"),
    ),
    "a surrogate as UTF-8": (
        b'data: {"choices":[{"delta":{"content":"a\xed\xa0\x80"}}]}\n\n' + END,
        heard("a\ufffd\ufffd\ufffd"),
    ),
    "a raw control character": (
        b'data: {"choices":[{"delta":{"content":"a\tb"}}]}\n\n' + END,
        heard("a\tb"),
    ),
    "a lone surrogate where nobody looks": (
        raw('{"id":"\\ud800","choices":[{"delta":{"content":"a"}}]}') + END,
        heard("a"),
    ),
}
