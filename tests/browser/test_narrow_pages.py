"""On a narrow page everything stays within it: what is wider scrolls by itself."""

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_wide_things_scroll_by_themselves_on_a_narrow_page(fed: Chat, feed: Feed) -> None:
    await fed.page.set_viewport_size({"width": 360, "height": 740})
    wide = "| " + " | ".join(f"column{number}" for number in range(20)) + " |\n"
    wide += "|---" * 20 + "|\n"
    long = "x" * 300
    formula = f"\\sqrt{{{'abc+' * 60}d}}"
    await feed.answer(
        "resp_1",
        [f"{wide}\n```\n{long}\n```\n\n$$\n{formula}\n$$\n\n{long}\n\nInline ${formula}$.\n"],
    )
    await fed.ends()
    await expect(fed.texts.last.locator(".katex")).to_have_count(2)
    for selector in (".table-scroller", ".code pre", "[data-math=display]"):
        place = fed.texts.last.locator(selector)
        await expect(place).to_be_visible()
        assert await place.evaluate("each => each.scrollWidth > each.clientWidth"), selector
    await _fits(fed)


async def test_a_long_word_in_an_error_stays_on_a_narrow_page(fed: Chat, feed: Feed) -> None:
    await fed.page.set_viewport_size({"width": 360, "height": 740})
    word = "x" * 300
    await feed.begin("resp_1")
    feed.event(
        "resp_1", "response.failed",
        response={"id": "resp_1", "status": "failed", "error": {"code": word, "message": word}},
    )  # fmt: skip
    feed.send("error", status=400, error={"code": word, "message": word})
    await fed.say("And this is refused")
    await feed.heard(lambda: len(feed.prompts()) == 2)
    refused = feed.prompts()[-1]["event_id"]
    feed.send("error", event_id=refused, status=400, error={"code": word, "message": word})
    await expect(fed.page.get_by_text("Not sent.")).to_be_visible()
    await expect(fed.page.locator(".ending.failed")).to_be_visible()
    await expect(fed.button("Dismiss")).to_be_in_viewport(ratio=1)
    await _fits(fed)


async def _fits(chat: Chat) -> None:
    assert await chat.page.evaluate("document.documentElement.scrollWidth") == 360
    assert await chat.page.locator("chat-thread, chat-status").evaluate_all(
        "all => all.every(each => each.scrollWidth <= each.clientWidth)"
    )
