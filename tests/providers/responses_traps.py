"""What upstreams that speak Responses do to an answer: the bytes of each trap, and its items."""

from typing import Any

from chat.protocol.items import Item
from tests.providers.responses_reading import called, said, thought
from tests.upstream_responses import (
    RESPONSES,
    added,
    argue,
    call,
    chunk,
    completed,
    created,
    ended,
    event,
    message,
    raw,
    reasoning,
    refuse,
    think,
)
from tests.upstream_script import done, ping

END = completed()


def joined(*pieces: Any) -> bytes:
    return b"".join(pieces)


def text_done(text: str, index: int = 0) -> bytes:
    return event("response.output_text.done", output_index=index, content_index=0, text=text)


def raw_delta(escaped: str) -> bytes:
    """A delta that is spelled exactly so in JSON."""
    return raw(
        '{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"'
        + escaped
        + '"}'
    )


def raw_thought(text: str) -> bytes:
    return event("response.reasoning_text.delta", output_index=0, content_index=0, delta=text)


SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "a"}}
KEPT_SEARCH = {name: value for name, value in SEARCH.items() if name != "id"}
CITED = {"type": "url_citation", "url": "https://a.example", "title": "A",
         "start_index": 0, "end_index": 1}  # fmt: skip
FILE = {"type": "file_citation", "file_id": "f", "filename": "a.pdf", "index": 1}
TOLD = {"interject": {"told_as": "reasoning_text"}}
SEALED = {"encrypted_content": "sealed"}


def annotated(*annotations: Item) -> Item:
    item = said("a")
    item["content"][0]["annotations"] = list(annotations)
    return item


def annotation_added(annotation: Item) -> bytes:
    return event("response.output_text.annotation.added", output_index=0, content_index=0,
                 annotation_index=0, annotation=annotation)  # fmt: skip


TRAPS: dict[str, tuple[bytes, list[Item]]] = {
    # --- the usual, and what servers leave out
    "plain": (joined(*RESPONSES.whole("a", "b").pieces), [said("ab")]),
    "bare deltas": (chunk("a") + chunk("b") + END, [said("ab")]),
    "deltas without places": (
        event("response.output_text.delta", delta="a")
        + event("response.output_text.delta", delta="b") + END,
        [said("ab")],
    ),
    "places by ids only": (
        event("response.output_item.added", item={**message(""), "content": []})
        + event("response.output_text.delta", item_id="msg_0", delta="a")
        + event("response.output_item.done", item=message("a")) + END,
        [said("a")],
    ),
    "[DONE] at the end": (chunk("a") + END + done(), [said("a")]),
    "no blank line at the end": ((chunk("a") + END).rstrip(b"\n"), [said("a")]),
    "words after the end": (chunk("a") + END + chunk("b"), [said("a")]),
    "nothing said": (created() + END, []),
    "an empty message": (created() + added(message("")) + ended(message("")) + END, []),
    "sequence numbers in no order": (
        chunk("a").replace(b'"sequence_number": 0', b'"sequence_number": 9')
        + chunk("b").replace(b'"sequence_number": 0', b'"sequence_number": -3') + END,
        [said("ab")],
    ),
    "events never heard of": (
        event("response.mood.changed", output_index=0, mood="good")
        + event("keepalive") + raw('{"nothing": "of note"}') + raw("{}") + chunk("a")
        + event("response.output_text.whim", delta={"a": 1}) + END,
        [said("a")],
    ),
    "pings": (ping() + chunk("a") + ping() * 3 + chunk("b") + ping() + END, [said("ab")]),
    # --- what deltas did not say
    "done events only": (
        text_done("ab") + ended(message("ab")) + completed(message("ab")), [said("ab")]
    ),
    "done items only": (
        ended(reasoning("hm", "so")) + ended(message("ab", 1), 1) + ended(call("c", "{}", 2), 2)
        + END,
        [thought("hm", "so"), said("ab"), called("c")],
    ),
    "the last event only": (
        completed(reasoning("hm"), message("ab"), call("c", "{}")),
        [thought("hm"), said("ab"), called("c")],
    ),
    "the rest in the done event": (chunk("a") + text_done("abc") + END, [said("abc")]),
    "the rest in the done part": (
        chunk("a") + event("response.content_part.done", output_index=0, content_index=0,
                           part=message("abc")["content"][0]) + END,
        [said("abc")],
    ),
    "the rest in the done item": (chunk("a") + ended(message("abc")) + END, [said("abc")]),
    "the rest in the last event": (chunk("a") + completed(message("abc")), [said("abc")]),
    "all of them at once": (
        chunk("ab") + text_done("ab") + ended(message("ab")) + ended(message("ab"))
        + text_done("ab") + completed(message("ab")),
        [said("ab")],
    ),
    "another text when it is done": (
        chunk("ab") + text_done("xyz") + ended(message("xy")) + completed(message("uvw")),
        [said("ab")],
    ),
    "another id at the end": (
        added(message("")) + chunk("a") + ended(message("a"))
        + completed({**message("a"), "id": "msg_new"}),
        [said("a")],
    ),
    "another place at the end": (
        chunk("a") + ended(message("a")) + chunk("b", 2) + ended(message("b", 2), 2)
        + completed(message("a"), message("b", 2)),
        [said("a"), said("b")],
    ),
    "the same place for all items": (
        added(message("")) + chunk("a") + ended(message("a"))
        + added(message("", 1)) + chunk("b") + ended(message("b", 1))
        + completed(message("a"), message("b", 1)),
        [said("a"), said("b")],
    ),
    "arguments in the done event only": (
        added({**call("c", ""), "status": "in_progress"})
        + event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
        + ended(call("c", '{"a":1}')) + END,
        [called("c", '{"a":1}')],
    ),
    "arguments as an object": (
        added(call("c", ""))
        + event("response.function_call_arguments.done", output_index=0, arguments={"a": "ü"})
        + END,
        [called("c", '{"a": "ü"}')],
    ),
    "a name that comes at the end": (
        argue("{}") + ended(call("c", "{}")) + END, [{**called("", "{}"), "call_id": "minted"}]
    ),
    # --- items, one after another
    "parts": (
        chunk("a") + chunk("b", part=1) + ended(
            message("", content=[*message("a")["content"], *message("b")["content"]])
        ) + END,
        [said("a", "b")],
    ),
    "parts of a summary": (
        think("hm") + think("so", part=1) + ended(reasoning("hm", "so")) + END,
        [thought("hm", "so")],
    ),
    "items side by side": (
        chunk("a", 0) + chunk("x", 1) + chunk("b", 0) + chunk("y", 1)
        + ended(message("ab", 0), 0) + chunk("z", 1) + ended(message("xyz", 1), 1) + END,
        [said("ab"), said("xyz")],
    ),
    "calls side by side": (
        added(call("c0", ""), 0) + added(call("c1", "", 1), 1) + argue("[1,", 0) + argue("[3,", 1)
        + argue("2]", 0) + argue("4]", 1) + ended(call("c1", "[3,4]", 1), 1)
        + ended(call("c0", "[1,2]"), 0) + END,
        [called("c0", "[1,2]"), called("c1", "[3,4]")],
    ),
    "the third item before the second": (
        chunk("a", 0) + chunk("c", 2) + chunk("b", 1) + ended(message("a"), 0)
        + ended(message("c", 2), 2) + ended(message("b", 1), 1) + END,
        [said("a"), said("b"), said("c")],
    ),
    "an item that never ends": (chunk("a") + chunk("b", 1) + END, [said("a"), said("b")]),
    "phases": (
        added(message("", phase="commentary")) + chunk("a") + ended(message("a")) + chunk("b", 1)
        + ended(message("b", 1, phase="final_answer"), 1) + chunk("c", 2)
        + ended(message("c", 2, phase="whim"), 2) + END,
        [said("a", phase="commentary"), said("b", phase="final_answer"), said("c")],
    ),
    "a refusal": (
        refuse("I can") + refuse("not") + END,
        [{**said(), "content": [{"type": "refusal", "refusal": "I cannot"}]}],
    ),
    "reasoning as text": (
        raw_thought("hm") + raw_thought("so")
        + ended({"type": "reasoning", "summary": [],
                 "content": [{"type": "reasoning_text", "text": "hmso"}]}) + END,
        [thought("hmso", **TOLD)],
    ),
    "reasoning as Open Responses has it": (
        event("response.reasoning.delta", output_index=0, content_index=0, delta="hm") + END,
        [thought("hm")],
    ),
    "sealed reasoning": (
        think("hm") + ended(reasoning("hm", **SEALED)) + ended(reasoning(index=1, **SEALED), 1)
        + ended(reasoning(index=2), 2) + chunk("a", 3) + END,
        [thought("hm", **SEALED), thought(**SEALED), said("a")],
    ),
    # --- items of which there are no pieces
    "hosted tools": (
        added({**SEARCH, "status": "in_progress"})
        + event("response.web_search_call.searching", output_index=0, item_id="ws_1")
        + ended(SEARCH) + chunk("a", 1) + completed(SEARCH, message("a", 1)),
        [KEPT_SEARCH, said("a")],
    ),
    "an item of the future": (
        ended({"type": "dream", "id": "dr_1", "depth": [{"a": None}]}) + END,
        [{"type": "dream", "status": "completed", "depth": [{"a": None}]}],
    ),
    "an item whose type cannot be kept": (
        ended({"type": "d" * 40, "id": "d"}) + ended({"id": "e"}, 1) + ended({"type": 7}, 2)
        + event("response.output_item.done", output_index=3, item=None) + chunk("a", 4) + END,
        [said("a")],
    ),
    "an item that cannot be kept as it is": (
        raw('{"type":"response.output_item.done","output_index":0,"item":{"type":"dream",'
            '"status":"' + "s" * 40 + '","role":["r"],"a\\u0000":"\\ud800","n":' + "7" * 30 + "}}")
        + END,
        [{"type": "dream", "status": "completed", "a\ufffd": "\ufffd", "n": None}],
    ),
    # --- what stands beside a text
    "annotations": (
        chunk("a") + annotation_added(CITED) + annotation_added(FILE)
        + ended({**annotated(CITED, FILE), "id": "msg_0"}) + END,
        [annotated(CITED, FILE)],
    ),
    "annotations at the end only": (
        chunk("a") + completed({**annotated(CITED), "id": "msg_0"}), [annotated(CITED)]
    ),
    "annotations that are none": (
        chunk("a") + annotation_added({**CITED, "url": "javascript:x"}) + annotation_added({})
        + event("response.output_text.annotation.added", output_index=0, annotation=None) + END,
        [said("a")],
    ),
    "a source without a place": (
        chunk("a") + annotation_added({"type": "url_citation", "url": "https://a.example",
                                       "title": "A"}) + END,
        [annotated(CITED)],
    ),
    "log probabilities that nobody asked for": (
        chunk("a").replace(b'"logprobs": []', b'"logprobs": [{"token": "a", "logprob": 0}]') + END,
        [said("a")],
    ),
    # --- characters
    "letters of four bytes": (chunk("é😀漢") + END, [said("é😀漢")]),
    "NUL": (raw_delta("a\\u0000b") + text_done("a\x00b") + END, [said("a\ufffdb")]),
    "a lone surrogate": (raw_delta("a\\ud800") + chunk("c") + END, [said("a\ufffdc")]),
    "a pair cut in two": (
        raw_delta("a\\ud83d") + raw_delta("\\ude00b") + text_done("a😀b") + END, [said("a😀b")]
    ),
    "half a pair, and the rest when it is done": (
        raw_delta("a\\ud83d") + text_done("a😀b") + END, [said("a😀b")]
    ),
    "half a pair, then the end": (raw_delta("a\\ud83d") + ended(message("a")) + END,
                                  [said("a\ufffd")]),
    "bad UTF-8": (
        raw(b'{"type":"response.output_text.delta","output_index":0,"content_index":0,'
            b'"delta":"a\xff\xfeb"}') + END,
        [said("a\ufffd\ufffdb")],
    ),
    "fields of other types": (
        raw('{"type":"response.output_text.delta","output_index":"0","delta":7}')
        + raw('{"type":"response.output_text.delta","output_index":0.0,"content_index":0,'
              '"delta":"a","logprobs":"none","item_id":5}')
        + raw('{"type":"response.completed","response":{"status":5,"output":[7,null],'
              '"usage":{"input_tokens":7.0,"output_tokens":"11"}}}'),
        [said("a")],
    ),
    "JSON on several lines": (
        b'data: {"type":"response.output_text.delta",\ndata: "output_index":0,"delta":"a"}\n\n'
        + END,
        [said("a")],
    ),
}  # fmt: skip
