"""What is copied from an answer, and what the button says of it."""

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_code_is_copied_as_it_is(fed: Chat, feed: Feed) -> None:
    await feed.answer("resp_1", ["```python\nprint('<b>')\n```\n"])
    await fed.page.get_by_role("button", name="Copy", exact=True).click()
    await expect(fed.button("Copied")).to_be_visible()
    assert await fed.page.evaluate("navigator.clipboard.readText()") == "print('<b>')"


async def test_a_copy_button_is_itself_again_after_two_clicks(fed: Chat, feed: Feed) -> None:
    await feed.answer("resp_1", ["Words"])
    await fed.button("Copy the answer").click()
    await fed.button("Copied").click()
    await expect(fed.button("Copied")).to_have_count(0)
    await expect(fed.button("Copy the answer")).to_be_visible()


async def test_without_a_clipboard_the_text_is_copied_and_the_focus_stays(
    fed: Chat, feed: Feed
) -> None:
    refuse = "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    await fed.page.evaluate(refuse)
    await feed.answer("resp_1", ["Words"])
    await fed.button("Copy the answer").click()
    await expect(fed.button("Copied")).to_be_focused()
    assert await fed.page.evaluate("navigator.clipboard.readText()") == "Words"
    await fed.page.evaluate("() => { document.execCommand = () => false; }")
    await fed.button("Copied").click()
    await expect(fed.button("Not copied")).to_be_focused()
