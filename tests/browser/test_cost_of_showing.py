"""What it costs to show an answer: no more with each token, however long it is already."""

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_very_long_answer_costs_the_same_at_its_end_as_at_its_beginning(
    fed: Chat, feed: Feed
) -> None:
    words = " ".join(["Lorem ipsum dolor sit amet, consectetur `adipiscing` elit."] * 8) + "\n\n"
    text = "".join(f"## Part {part}\n\n{words}- a\n- b\n\n" for part in range(160))
    assert len(text.split()) > 10_000
    await feed.begin("resp_1")
    await expect(fed.texts).to_have_count(1)
    await fed.texts.last.evaluate(
        """(text) => {
            window.touched = 0;
            new MutationObserver((records) => {
                for (const record of records) {
                    window.touched += record.addedNodes.length + record.removedNodes.length;
                }
            }).observe(text, { childList: true, subtree: true });
        }"""
    )
    for at in range(0, len(text), 400):
        feed.say("resp_1", text[at : at + 400])
        await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
    feed.end("resp_1", text)
    await fed.ends()
    assert await fed.raw() == [text]
    nodes = await fed.texts.last.evaluate("each => each.querySelectorAll('*').length")
    touched = await fed.page.evaluate("() => window.touched")
    assert touched < 4 * nodes, "blocks were drawn more often than they grew"


async def test_the_box_is_not_measured_with_every_token(chat: Chat, feed: Feed) -> None:
    await chat.page.add_init_script(
        """CSS.supports = () => false;
        window.measured = 0;
        const height = Object.getOwnPropertyDescriptor(Element.prototype, "scrollHeight");
        Object.defineProperty(HTMLTextAreaElement.prototype, "scrollHeight", {
            get() {
                window.measured++;
                return height.get.call(this);
            },
        });"""
    )
    await chat.page.reload()
    low = await chat.box.evaluate("each => each.clientHeight")
    await chat.box.fill("One\nTwo\nThree\nFour")
    assert await chat.box.evaluate("each => each.clientHeight") > low
    await chat.box.press("Enter")
    await feed.begin("resp_1")
    measured = await chat.page.evaluate("window.measured")
    for _ in range(20):
        feed.say("resp_1", "word ")
        await chat.page.evaluate("() => new Promise(requestAnimationFrame)")
    feed.end("resp_1", "word " * 20)
    await chat.ends()
    assert await chat.page.evaluate("window.measured") == measured


async def test_events_are_acknowledged_sparingly(fed: Chat, feed: Feed) -> None:
    await feed.begin("resp_1")
    for _ in range(640):
        feed.say("resp_1", "word ")
    feed.end("resp_1", "word " * 640)
    await fed.ends()

    def acks() -> list[int]:
        sent = [frame for frame in feed.received if frame["type"] == "interject:ack"]
        return [frame["sequence_number"] for frame in sent]

    await feed.heard(lambda: acks()[-1:] == [644])
    assert 10 <= len(acks()) <= 20
