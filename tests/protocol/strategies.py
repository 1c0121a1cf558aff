"""Deltas as providers send them, and any cut of them into pieces."""

import random
from typing import Any

from hypothesis import strategies as st

from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import (
    Citation,
    Delta,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
calls = st.builds(
    ToolCallDelta,
    index=st.integers(0, 2),
    call_id=st.sampled_from([None, "", "call_1", "call_2", "c" * 65]),
    name=st.sampled_from([None, "look", "walk"]),
    arguments=texts,
)
deltas = st.lists(
    st.one_of(
        st.builds(TextDelta, texts),
        st.builds(ReasoningDelta, texts),
        st.builds(RefusalDelta, texts),
        calls,
        st.builds(Citation, url=st.sampled_from(["http://a", "http://b"]), title=texts),
        st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
        st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls"])),
    ),
    max_size=25,
)
statuses = st.sampled_from(["completed", "incomplete"])
# After which deltas what was gathered is taken out: the pulse beats when it likes.
beats = st.randoms(use_true_random=False)


def run(said: list[Delta], status: str, beats: random.Random | None = None) -> list[dict[str, Any]]:
    """The events of a whole response, taken out at each beat, or only at the end."""
    coalescer = Coalescer()
    events: list[dict[str, Any]] = []
    for delta in said:
        coalescer.feed([delta])
        if beats is not None and beats.random() < 0.5:
            events += coalescer.take()
    coalescer.close(status)
    return [*events, *coalescer.take()]


def output_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items that the events closed, in order."""
    return [each["item"] for each in events if each["type"] == "response.output_item.done"]


def without_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items whose minted ids are put out of sight."""
    return [
        {name: value for name, value in item.items() if name not in ("id", "call_id")}
        for item in items
    ]
