"""Where the keyboard is after a button did what it says, and went away."""

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_sending_steering_queueing_and_stopping_lead_back_to_the_box(chat: Chat) -> None:
    await chat.box.fill("A slow and long one, please")
    await chat.button("Send", exact=True).click()
    await expect(chat.box).to_be_focused()
    await expect(chat.texts.last).not_to_be_empty()
    await chat.box.fill("Next")
    await chat.button("Queue").click()
    await expect(chat.waiting).to_have_count(1)
    await expect(chat.box).to_be_focused()
    await chat.button("Stop").click()
    await chat.ends("cancelled")
    await expect(chat.box).to_be_focused()
    await chat.button("Send now").click()
    await expect(chat.waiting).to_have_count(0)
    await expect(chat.box).to_be_focused()
    await chat.ends()


async def test_removing_a_waiting_prompt_leads_to_the_next_one(chat: Chat) -> None:
    await chat.begin()
    for text in ("One", "Two", "Three"):
        await chat.say(text, "Alt+Enter")
    await expect(chat.waiting).to_have_count(3)
    await chat.button("Remove: Two").click()
    await expect(chat.waiting).to_have_count(2)
    await expect(chat.button("Remove: Three")).to_be_focused()
    await chat.button("Remove: Three").click()
    await expect(chat.button("Remove: One")).to_be_focused()
    await chat.button("Remove: One").click()
    await expect(chat.waiting).to_have_count(0)
    await expect(chat.box).to_be_focused()
    await chat.stop()


async def test_a_switcher_leads_to_the_one_of_the_answer_that_it_shows(chat: Chat) -> None:
    await chat.ask("Hello")
    for count in (2, 3):
        await chat.button("Answer again").click()
        await expect(chat.page.locator(".switcher")).to_contain_text(f"{count}/{count}")
        await expect(chat.box).to_be_focused()
        await chat.ends()
    await chat.button("Previous answer").click()
    await expect(chat.page.locator(".switcher")).to_contain_text("2/3")
    await expect(chat.button("Previous answer")).to_be_focused()
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.locator(".switcher")).to_contain_text("1/3")
    await expect(chat.button("Next answer")).to_be_focused()


async def test_what_can_be_done_with_an_end_leads_to_the_box(fed: Chat, feed: Feed) -> None:
    await feed.answer("resp_1", ["Half"])
    feed.event("resp_1", "response.failed", response={"id": "resp_1", "status": "failed"})
    await fed.button("Try again").click()
    await feed.heard(lambda: len(feed.prompts()) == 2)
    await feed.begin("resp_2")
    await expect(fed.box).to_be_focused()
    feed.event("resp_2", "response.failed", response={"id": "resp_2", "status": "failed"})
    feed.send("error", status=429, error={"code": "rate_limit_exceeded", "message": "Slow down."})
    await fed.button("Dismiss").click()
    await expect(fed.box).to_be_focused()


async def test_leaving_an_edit_leads_to_the_box(chat: Chat) -> None:
    await chat.ask("Hello")
    await chat.prompts.first.hover()
    await chat.button("Edit and ask again").click()
    await expect(chat.box).to_be_focused()
    await chat.button("Leave").click()
    await expect(chat.button("Leave")).to_have_count(0)
    await expect(chat.box).to_be_focused()


async def test_deleting_a_listed_conversation_leads_to_the_next_one(chat: Chat) -> None:
    for text in ("Apples", "Pears", "Quinces"):
        await chat.page.goto("/")
        await chat.ask(text)
    await chat.list.nth(1).hover()
    await chat.button("Rename or delete Pears").click()
    await chat.button("Delete…").click()
    await chat.button("Delete", exact=True).click()
    await expect(chat.list).to_have_text(["Quinces", "Apples"])
    await expect(chat.list.last).to_be_focused()
