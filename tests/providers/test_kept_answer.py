"""An answer that is kept: what is worth it, and that it is the same when it is said again."""

from collections.abc import Sequence
from typing import Any

import pytest

from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import (
    Annotation,
    Citation,
    Delta,
    Finish,
    ItemEnd,
    Logprobs,
    PartEnd,
    Phase,
    ProviderChosen,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    WholeItem,
)
from chat.providers.kept_answer import (
    LEAST_PIECE_CHARS,
    MOST_PIECES,
    KeptAnswer,
    Recording,
    decode,
    encode,
    pieces,
)

STOP = Finish("stop")
WELL = [TextDelta("One "), TextDelta("two."), STOP]


def recorded(*batches: Sequence[Delta], most_chars: int = 1_000_000) -> KeptAnswer | None:
    recording = Recording("first", most_chars)
    for batch in batches:
        recording.take(batch)
    return recording.answer()


def said(batches: Any) -> list[Any]:
    """The items that come of it, without what is minted, and upstream's count."""
    coalescer = Coalescer()
    for batch in batches:
        coalescer.feed(batch)
    coalescer.close("completed")
    minted = ("id", "call_id")
    items = [{k: v for k, v in item.items() if k not in minted} for item in coalescer.output]
    return [items, coalescer.usage, coalescer.finish]


def again(answer: KeptAnswer | None) -> list[list[Delta]]:
    assert answer is not None
    return list(pieces(decode(encode(answer))))


ANSWERS: dict[str, list[list[Delta]]] = {
    "words": [[TextDelta("One ")], [TextDelta("two "), TextDelta("three")], [STOP, Usage(1, 2)]],
    "thoughts and words": [
        [ReasoningDelta("Hm"), ReasoningDelta("m.")],
        [TextDelta("Yes"), Citation("https://a.example", "A")],
        [Usage(1, 2, 3, 4), STOP],
    ],
    "calls": [
        [TextDelta("Let me look.")],
        [ToolCallDelta(0, "call_a", "look", '{"at":'), ToolCallDelta(0, None, None, '"a"}')],
        [ToolCallDelta(1, "call_b", "look", '{"at":"b"}'), Finish("tool_calls")],
    ],
    "calls that were interleaved": [
        [ToolCallDelta(0, "a", "look", '{"at":'), ToolCallDelta(1, "b", "look", '{"at":')],
        [ToolCallDelta(0, None, None, '"a"}'), ToolCallDelta(1, None, None, '"b"}')],
        [TextDelta("Done?"), Finish("tool_calls")],
    ],
    "a call without arguments": [[ToolCallDelta(0, "a", "look", ""), Finish("tool_calls")]],
    "items": [
        [WholeItem({"type": "reasoning", "summary": [], "encrypted_content": "sealed"}, 6)],
        [Phase("final_answer"), TextDelta("One."), Logprobs([{"token": "One."}]), PartEnd()],
        [Annotation({"type": "url_citation", "url": "https://a.example"}), TextDelta("Two.")],
        [ItemEnd("completed", {"phase": "final_answer"}), STOP],
    ],
    "odd characters": [[TextDelta('\ufffd"\\\u2028é'), TextDelta("👩‍🚀\n\t"), STOP]],
    "much": [[TextDelta(f"{n} " * 500)] for n in range(100)] + [[STOP, Usage(5, 6)]],
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_said_again_as_it_was_said(name: str):
    answer = recorded(*ANSWERS[name])
    assert said(again(answer)) == said(ANSWERS[name])


def test_no_piece_is_empty():
    """Who reads looks at the first delta of each."""
    large = WholeItem({"type": "reasoning", "summary": [], "encrypted_content": "x" * 9_000}, 9_000)
    for batches in (*ANSWERS.values(), [[large], [TextDelta("x" * 5_000)], [STOP]]):
        assert all(again(recorded(*batches)))


def test_calls_have_other_ids_each_time():
    answer = again(recorded(*ANSWERS["calls"]))
    ids = set()
    for _ in range(2):
        coalescer = Coalescer()
        for piece in answer:
            coalescer.feed(piece)
        coalescer.close("completed")
        ids |= {item["call_id"] for item in coalescer.output if item["type"] == "function_call"}
    assert len(ids) == 4
    assert not ids & {"call_a", "call_b"}


def test_a_long_answer_is_said_in_a_few_pieces_and_its_end_with_the_last():
    batches = again(recorded(*ANSWERS["much"]))
    assert 2 <= len(batches) <= MOST_PIECES + 1
    assert STOP in batches[-1]
    assert isinstance(batches[-1][0], TextDelta)
    short = "x" * LEAST_PIECE_CHARS
    assert len(again(recorded([TextDelta(short), STOP]))) == 1


def test_a_long_call_is_parted_as_well():
    arguments = '{"text":"' + "x" * 50_000 + '"}'
    batches = [[ToolCallDelta(0, "a", "write", arguments)], [Finish("tool_calls")]]
    once_more = again(recorded(*batches))
    assert len(once_more) > 2
    assert said(once_more) == said(batches)


def test_who_answered_is_kept_with_it():
    assert recorded(WELL) == KeptAnswer("first", [TextDelta("One two."), STOP])
    switched = recorded([ProviderChosen("first")], [ProviderChosen("second", "first", "x")], WELL)
    assert switched is not None
    assert switched.provider == "second"


NOT_WORTH_IT: dict[str, list[Delta]] = {
    "cut by a limit": [TextDelta("x"), Finish("length")],
    "filtered": [TextDelta("x"), Finish("content_filter")],
    "refused": [RefusalDelta("No."), STOP],
    "refused after a word": [TextDelta("x"), RefusalDelta("No."), STOP],
    "with a hosted tool": [WholeItem({"type": "computer_call", "call_id": "a"}, 9), *WELL],
    "without an end": [TextDelta("x")],
    "empty": [Usage(1, 0), STOP],
    "silent": [],
}


@pytest.mark.parametrize("name", NOT_WORTH_IT)
def test_what_is_no_whole_good_answer_is_not_kept(name: str):
    assert recorded(NOT_WORTH_IT[name]) is None


def test_an_answer_that_is_too_large_is_not_kept_and_not_held_in_memory():
    recording = Recording("first", 10)
    recording.take([TextDelta("x" * 9), TextDelta("xx")])
    assert recording._like == recording._deltas == []
    recording.take([STOP])
    assert recording.answer() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"provider":"a","deltas":[]}',
        '{"provider":"a","deltas":[["TextDelta",{"text":"x"}]]}',
        '{"provider":"a","deltas":[["TextDelta",{"text":1}],["Finish",{"reason":"stop"}]]}',
        '{"provider":"a","deltas":[["TextDelta",{}],["Finish",{"reason":"stop"}]]}',
        '{"provider":"a","deltas":[["Nonsense",{}],["Finish",{"reason":"stop"}]]}',
        '{"provider":"a","deltas":[["TextDelta",{"text":"x"}],["Finish",{"reason":"length"}]]}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_no_answer(text: str):
    with pytest.raises(ValueError, match="not a"):
        decode(text)
