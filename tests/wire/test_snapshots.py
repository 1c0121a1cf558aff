"""Snapshots, and what comes after them: together they are the next snapshot."""

from typing import Any

import pytest

from tests.gate import Gate
from tests.upstream_script import Script, call, chunk, done, finish, think, usage
from tests.wire.lines import TOOL, is_event, line, texts


def keep_up(snapshot: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The output items of a snapshot, brought up to date by the events that came after it."""
    items = {
        (each["response_id"], each["output_index"]): each
        for each in snapshot["items"]
        if each["direction"] == "output"
    }
    known = {each["id"]: each["sequence_number"] for each in snapshot["responses"]}
    for event in events:
        response_id = event["response_id"]
        assert event["sequence_number"] == known.get(response_id, -1) + 1
        known[response_id] = event["sequence_number"]
        _apply(items, (response_id, event.get("output_index")), event)
    return {item["id"]: _as_said(item) for item in items.values()}


def _apply(items: dict[Any, dict[str, Any]], place: Any, event: dict[str, Any]) -> None:
    match event["type"].removeprefix("response."):
        case "output_item.added" | "output_item.done":
            items[place] = event["item"]
        case "content_part.added":
            items[place]["content"].append(event["part"])
        case "reasoning_summary_part.added":
            items[place]["summary"].append(event["part"])
        case "output_text.delta":
            items[place]["content"][event["content_index"]]["text"] += event["delta"]
        case "reasoning_summary_text.delta":
            items[place]["summary"][event["summary_index"]]["text"] += event["delta"]
        case "function_call_arguments.delta":
            items[place]["arguments"] += event["delta"]


def _as_said(item: dict[str, Any]) -> dict[str, Any]:
    placed = ("response_id", "direction", "output_index")
    return {name: value for name, value in item.items() if name not in placed}


async def test_a_snapshot_holds_the_whole_conversation(chat, model, account):
    one, two = model.says("One."), model.says("Two.")
    first = await chat.answer(one)
    conversation = first["conversation"]["id"]
    second = await chat.answer(two, conversation=conversation)
    await chat.send("interject:feedback", response_id=first["id"], rating=-1, comment="No.")
    await chat.until("interject:feedback")

    snapshot = await chat.follow(conversation, event_id="f")
    assert snapshot["event_id"] == "f"
    shown = snapshot["conversation"]
    assert (shown["id"], shown["object"], shown["shown"]) == (
        conversation, "conversation", second["id"],
    )  # fmt: skip
    assert (shown["title"], shown["queue_paused"], shown["metadata"]) == (one, False, {})
    assert [(each["id"], each["output"]) for each in snapshot["responses"]] == [
        (first["id"], []), (second["id"], []),
    ]  # fmt: skip
    assert [each["sequence_number"] for each in snapshot["responses"]] == [
        max(chat.numbers(first["id"])), max(chat.numbers(second["id"])),
    ]  # fmt: skip
    said = [
        (each["response_id"], each["direction"], each["content"][0]["text"])
        for each in snapshot["items"]
    ]
    assert said == [
        (first["id"], "input", one), (first["id"], "output", "One."),
        (second["id"], "input", two), (second["id"], "output", "Two."),
    ]  # fmt: skip
    assert snapshot["queued"] == []
    assert snapshot["feedback"] == [
        {"response_id": first["id"], "item_id": None, "rating": -1, "tags": [], "comment": "No."}
    ]


async def test_a_second_tab_in_mid_stream_sees_the_text_so_far_and_goes_on(
    chat, model, served, account
):
    gate = Gate()
    response_id = await chat.prompt(model.says("One ", "two ", "three", gate=gate))
    await chat.shown(response_id, "One two ")
    async with line(served, account) as tab:
        snapshot = await tab.follow(chat.conversation_of(response_id))
        item = snapshot["items"][-1]
        assert (item["status"], item["content"][0]["text"]) == ("in_progress", "One two ")
        gate.open()
        ended = await tab.end(response_id)
        assert tab.text_of(response_id) == "three"
        assert texts(ended) == "One two three"
        first_number = snapshot["responses"][0]["sequence_number"] + 1
        assert tab.numbers(response_id)[0] == first_number


STAGES: dict[str, list[Any]] = {
    "thinking": [think("Let "), think("me."), Gate, think(" See."), chunk("Seen.")],
    "speaking": [think("Hm."), chunk("One "), Gate, chunk("two")],
    "calling": [chunk("Wait."), call(0, "c1", "look", '{"a"'), Gate, call(0, None, None, ":1}")],
    "between two calls": [
        call(0, "c1", "look", "{}"), call(1, "c2", "look", "{"), Gate, call(1, None, None, "}")
    ],
    "silent": [Gate, chunk("Here.")],
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
async def test_a_snapshot_and_what_comes_after_it_are_the_final_snapshot(
    chat, model, served, account, stage
):
    gate = Gate()
    steps = [gate if step is Gate else step for step in STAGES[stage]]
    prompt = model.answers(Script([*steps, finish(), usage(), done()]))
    response_id = await chat.prompt(prompt, tools=[TOOL])
    conversation = chat.conversation_of(response_id)
    await model.asked(prompt)
    before = steps.index(gate)
    for _ in range(min(before, 1)):
        await chat.until("response.output_item.added")
    async with line(served, account) as tab:
        snapshot = await tab.follow(conversation)
        gate.open()
        await tab.end(response_id)
        kept_up = keep_up(snapshot, [each for each in tab.frames if is_event(each)])
    final = await chat.follow(conversation)
    assert kept_up == keep_up(final, [])
    assert kept_up
