"""Prompts, and what is said while the answer is written."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.chat import ENDLESS, Chat
from tests.browser.feed import Feed
from tests.service import LARGEST_FRAME_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_answer_is_streamed_as_markdown(chat: Chat) -> None:
    await chat.ask("Hello there")
    await expect(chat.prompts).to_have_text(["Hello there"])
    answer = chat.answers.last
    await expect(answer.locator("table tbody tr").first).to_be_visible()
    await expect(answer.locator(".code .hljs-keyword").first).to_be_visible()
    await expect(answer.locator(".katex").first).to_be_visible()
    assert re.search(r"/c/conv_\w+/$", chat.page.url)
    await expect(chat.list).to_have_text(["Hello there"])


async def test_blocks_that_are_finished_stay_the_same_nodes(chat: Chat) -> None:
    await chat.begin()
    first = chat.texts.last.locator(".block").first
    await expect(chat.texts.last.locator(".block")).not_to_have_count(1)
    await first.evaluate("node => node.firstElementChild.marked = true")
    await expect(chat.texts.last.locator(".block").nth(5)).to_be_visible(timeout=60_000)
    assert await first.evaluate("node => node.firstElementChild.marked")
    await chat.stop()


async def test_escape_stops_and_the_text_stays(chat: Chat) -> None:
    await chat.begin()
    await chat.stop()
    await chat.ends("cancelled")
    kept = await chat.raw()
    assert kept[0]
    await chat.page.reload()
    await expect(chat.answers.last).to_contain_text("Stopped after")
    assert await chat.raw() == kept


async def test_the_stop_button_says_what_it_does(chat: Chat) -> None:
    await chat.begin()
    await chat.button("Stop").click()
    await chat.ends("cancelled")
    await expect(chat.button(re.compile("Stop"))).to_have_count(0)
    await expect(chat.button("Continue")).to_be_visible()


async def test_enter_steers_while_the_answer_is_written(chat: Chat) -> None:
    await chat.begin()
    await expect(chat.page.get_by_text("Enter: steer")).to_be_visible()
    await chat.say("Rather say something about pears")
    await expect(chat.answers).to_have_count(2)
    await expect(chat.prompts).to_have_text([ENDLESS, "Rather say something about pears"])
    await expect(chat.answers.first).to_have_attribute("data-status", "incomplete")
    await expect(chat.answers.first).to_contain_text("Steered")
    await expect(chat.answers.last).to_contain_text("pears")
    await expect(chat.page.locator(".unsettled")).to_have_count(0)


async def test_alt_enter_queues_and_a_waiting_prompt_can_be_removed(chat: Chat) -> None:
    await chat.begin()
    await chat.say("First in line", "Alt+Enter")
    await chat.box.fill("Second in line")
    await chat.button("Queue").click()
    await expect(chat.waiting).to_have_count(2)
    await chat.button("Remove: First in line").click()
    await expect(chat.waiting).to_have_count(1)
    await expect(chat.waiting).to_contain_text("Second in line")
    await chat.stop()


async def test_a_waiting_prompt_starts_by_itself(chat: Chat) -> None:
    await chat.begin("Hello there, slow")
    await chat.say("Next please", "Alt+Enter")
    await expect(chat.waiting).to_have_count(1)
    await expect(chat.prompts).to_have_text(["Hello there, slow", "Next please"], timeout=90_000)
    await expect(chat.waiting).to_have_count(0)
    await chat.ends()


async def test_a_stop_pauses_the_queue_until_somebody_sends(chat: Chat) -> None:
    await chat.begin()
    await chat.say("Wait for it", "Alt+Enter")
    await expect(chat.waiting).to_have_count(1)
    await chat.stop()
    await expect(chat.page.get_by_text("Paused")).to_be_visible()
    await chat.button("Send now").click()
    await expect(chat.waiting).to_have_count(0)
    await expect(chat.prompts.last).to_have_text("Wait for it")
    await chat.ends()


async def test_shift_enter_is_a_new_line(chat: Chat) -> None:
    await chat.box.fill("One")
    await chat.box.press("Shift+Enter")
    await chat.box.press_sequentially("Two")
    await chat.box.press("Enter")
    await expect(chat.prompts).to_have_text(["One\nTwo"])
    await chat.ends()


async def test_a_draft_survives_a_reload(chat: Chat) -> None:
    await chat.box.fill("Not sent yet")
    await chat.page.reload()
    await expect(chat.box).to_have_value("Not sent yet")
    await chat.box.press("Enter")
    await expect(chat.prompts).to_have_text(["Not sent yet"])
    await chat.page.reload()
    await expect(chat.prompts).to_have_text(["Not sent yet"])
    await expect(chat.box).to_have_value("")


async def test_an_answer_that_fails_says_why_and_can_be_tried_again(chat: Chat) -> None:
    await chat.say("Please fail")
    await expect(chat.answers.last.locator(".ending.failed")).to_contain_text("server_error")
    kept = await chat.raw()
    await chat.button("Try again").click()
    await expect(chat.page.locator(".switcher")).to_contain_text("2/2")
    await chat.ends("incomplete")  # What is clicked moves until then.
    await chat.button("Previous answer").click()
    await expect(chat.page.locator(".switcher")).to_contain_text("1/2")
    assert await chat.raw() == kept


async def test_an_answer_is_made_again_beside_the_first(chat: Chat) -> None:
    await chat.ask("Hello")
    await chat.ask("And again")
    await chat.button("Answer again").click()
    await expect(chat.page.locator(".switcher")).to_contain_text("2/2")
    await chat.ends()
    await expect(chat.prompts).to_have_text(["Hello", "And again"])
    await chat.page.reload()
    await expect(chat.page.locator(".switcher")).to_contain_text("2/2")


async def test_an_edited_prompt_gets_a_sibling(chat: Chat) -> None:
    await chat.ask("Hello")
    await chat.prompts.first.hover()
    await chat.button("Edit and ask again").click()
    await expect(chat.box).to_have_value("Hello")
    await chat.say("Goodbye")
    await expect(chat.prompts).to_have_text(["Goodbye"])
    await expect(chat.page.locator(".switcher")).to_contain_text("2/2")
    await chat.ends()  # While it grows, the page scrolls away under the pointer.
    await chat.button("Previous answer").click()
    await expect(chat.prompts).to_have_text(["Hello"])


async def test_reasoning_is_folded_away(chat: Chat) -> None:
    await chat.ask("think about it")
    thought = chat.answers.last.locator("details.thought")
    await expect(thought.locator("summary")).to_have_text("Thought")
    await expect(thought.locator("chat-markdown")).to_be_hidden()
    await thought.locator("summary").click()
    await expect(thought.locator("chat-markdown")).not_to_be_empty()


async def test_feedback_is_taken_in_mid_stream_and_taken_back(chat: Chat) -> None:
    await chat.begin()
    good = chat.button("Good answer")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await chat.button("Comment on the answer").click()
    await chat.page.get_by_label("Comment", exact=True).fill("Well said")
    await chat.button("Save").click()
    await chat.stop()
    await chat.page.reload()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await chat.button("Comment on the answer").click()
    await expect(chat.page.get_by_label("Comment", exact=True)).to_have_value("Well said")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "false")


async def test_a_prompt_that_is_too_long_is_not_lost(chat: Chat) -> None:
    text = "word " * (LARGEST_FRAME_BYTES // 5)
    await chat.say(text)
    await expect(chat.status).to_contain_text("prompt_too_long")
    await expect(chat.box).to_have_value(text)
    await chat.ask("Shorter")
    await expect(chat.status).not_to_contain_text("prompt_too_long")


async def test_a_long_prompt_is_sent_whole(chat: Chat) -> None:
    text = ("word " * 30_000).strip()
    await chat.ask(text)
    await expect(chat.prompts).to_have_text([text])


async def test_a_very_long_prompt_is_shown_by_its_beginning_and_answered_again_whole(
    chat: Chat,
) -> None:
    await chat.ask(("word " * 60_000).strip())
    for count in (1, 2):
        await expect(chat.prompts).to_contain_text("… 299,999 characters in all")
        await expect(chat.button("Edit and ask again")).to_have_count(0)
        if count == 1:
            await chat.button("Answer again").click()
            await expect(chat.page.locator(".switcher")).to_contain_text("2/2")
            await chat.ends()


async def test_what_is_said_while_the_answer_stops_is_prompted_then(fed: Chat, feed: Feed) -> None:
    await feed.begin("resp_1")
    feed.say("resp_1", "Some words")
    await expect(fed.texts.last).to_have_text("Some words")
    await fed.box.press("Escape")
    await expect(fed.button("Stopping…")).to_be_visible()
    await fed.say("Pears instead")
    await expect(fed.page.get_by_text("Goes out when the answer has stopped")).to_be_visible()
    assert len(feed.prompts()) == 1
    feed.end("resp_1", "Some words", "incomplete")
    await feed.heard(lambda: len(feed.prompts()) == 2)
    assert feed.prompts()[-1]["input"] == "Pears instead"
    assert not [frame for frame in feed.received if frame["type"] == "response.steer"]


async def test_enter_right_after_a_stop_is_answered(chat: Chat) -> None:
    await chat.begin()
    await chat.box.fill("Hello there")
    await chat.box.press("Escape")
    await chat.box.press("Enter")
    await expect(chat.prompts).to_have_text([ENDLESS, "Hello there"])
    await chat.ends()
    await expect(chat.page.locator(".unsettled")).to_have_count(0)


async def test_continue_leaves_an_edit_alone(chat: Chat) -> None:
    await chat.begin()
    await chat.stop()
    await chat.prompts.first.hover()
    await chat.button("Edit and ask again").click()
    await chat.box.fill("Half edited")
    await chat.button("Continue").click()
    await expect(chat.prompts).to_have_text([ENDLESS, "Continue"])
    await expect(chat.box).to_have_value("Half edited")
    await expect(chat.button("Leave")).to_be_visible()


async def test_an_edit_is_answered_while_another_answer_is_written(chat: Chat) -> None:
    await chat.ask("Hello")
    await chat.begin()
    await chat.prompts.first.hover()
    await chat.button("Edit and ask again").click()
    await chat.say("Goodbye")
    await expect(chat.prompts).to_have_text(["Goodbye"])
    await chat.ends()
    await chat.button("Previous answer").click()
    await expect(chat.prompts).to_have_text(["Hello", ENDLESS])
    await expect(chat.answers.last).to_have_attribute("data-status", "in_progress")
    await chat.stop()


async def test_escape_closes_what_is_open_before_it_stops_the_answer(chat: Chat) -> None:
    await chat.begin()
    menu = chat.page.locator("details.account")
    await menu.locator("summary").click()
    await chat.page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await expect(menu.locator("summary")).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await chat.list.first.focus()
    await chat.page.keyboard.press("Escape")
    await chat.grows(chat.texts.last)
    await expect(chat.answers.last).to_have_attribute("data-status", "in_progress")
    await chat.stop()


async def test_the_enter_that_accepts_a_composed_word_does_not_send(chat: Chat) -> None:
    await chat.box.fill("にほん")
    is_left_alone = await chat.box.evaluate(
        """(box) => box.dispatchEvent(new KeyboardEvent("keydown",
            { key: "Enter", keyCode: 229, bubbles: true, cancelable: true }))"""
    )
    assert is_left_alone
