"""What a screen reader hears of an answer: each of its blocks, once."""

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTEN = """() => {
    window.said = [];
    new MutationObserver((records) => {
        for (const record of records) {
            for (const node of record.addedNodes) {
                if (node.isConnected) window.said.push(node.textContent);
            }
        }
    }).observe(document.querySelector("chat-announcer"), { childList: true });
}"""


async def _heard(chat: Chat) -> list[str]:
    """All that was said, up to the end of the answer."""
    await expect(chat.page.locator("chat-announcer")).to_contain_text("The answer is complete.")
    said: list[str] = await chat.page.evaluate("() => window.said")
    return [line for line in said if line][1:-1]


async def test_many_blocks_that_come_at_once_are_all_said(fed: Chat, feed: Feed) -> None:
    await fed.page.evaluate(LISTEN)
    blocks = [f"Paragraph {number}." for number in range(30)]
    await feed.begin("resp_1")
    await expect(fed.texts).to_have_count(1)
    feed.say("resp_1", "\n\n".join(blocks))
    await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
    feed.end("resp_1", "\n\n".join(blocks))
    assert await _heard(fed) == blocks


async def test_a_block_whose_link_is_defined_later_is_said_once(fed: Chat, feed: Feed) -> None:
    await fed.page.evaluate(LISTEN)
    early = "See [there].\n\nTwo.\n\nThree.\n\nFour.\n\n"
    late = "[there]: https://example.org\n"
    await feed.begin("resp_1")
    await expect(fed.page.get_by_text("Thinking")).to_be_visible()
    feed.say("resp_1", early[:5])
    await expect(fed.texts.last).to_have_text("See [")
    feed.say("resp_1", early[5:])
    await fed.page.wait_for_function("() => window.said.includes('See [there].')")
    feed.say("resp_1", late)
    feed.end("resp_1", early + late)
    heard = await _heard(fed)
    await expect(fed.texts.last.locator("a")).to_have_text("there")
    assert heard == ["See [there].", "Two.", "Three.", "Four."]


async def test_a_formula_is_said_as_it_was_written(fed: Chat, feed: Feed) -> None:
    await feed.answer("resp_0", ["First $x^2$."])  # so that the library is there
    await expect(fed.texts.last.locator(".katex")).to_have_count(1)
    await fed.page.evaluate(LISTEN)
    pieces = ["With $x^2$.\n\n", "Two.\n\nThree.\n\n", "Four.\n"]
    await feed.begin("resp_1", parent="resp_0")
    for piece in pieces:
        feed.say("resp_1", piece)
        await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
    feed.end("resp_1", "".join(pieces))
    assert await _heard(fed) == ["With x^2.", "Two.", "Three.", "Four."]


async def test_reasoning_that_is_folded_away_is_not_said(fed: Chat, feed: Feed) -> None:
    await fed.page.evaluate(LISTEN)
    await feed.begin("resp_1")
    place = {"item_id": "rs_1", "output_index": 1}
    thought = {"id": "rs_1", "type": "reasoning", "status": "in_progress", "summary": []}
    feed.event("resp_1", "response.output_item.added", output_index=1, item=thought)
    for delta in ("Hm.\n\n", "Well.\n\nSo.\n\nThen.\n\n"):
        feed.event(
            "resp_1", "response.reasoning_summary_text.delta",
            **place, summary_index=0, delta=delta,
        )  # fmt: skip
        await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
    await expect(fed.page.locator("details.thought .block")).to_have_count(4)
    feed.say("resp_1", "Yes.")
    await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
    feed.end("resp_1", "Yes.")
    assert await _heard(fed) == ["Yes."]
