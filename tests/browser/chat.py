"""What a person does on the page, in their words."""

import re
from typing import Any

from playwright.async_api import Locator, Page, expect

# Goes on for half a minute: what a test does to it happens in mid-stream.
ENDLESS = "A slow and long one, please"
HAS_ENDED = (
    "status => [...document.querySelectorAll('article.answer')].at(-1)?.dataset.status === status"
)
STOPPED = re.compile(r"Stopped after [\d,]+ tokens?")


class Chat:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.get_by_label("Your message")
        self.prompts = page.locator(".prompt .bubble")
        self.answers = page.locator("article.answer")
        self.texts = page.locator(".answer > chat-markdown")
        self.waiting = page.locator(".waiting li")
        self.status = page.locator("chat-status")
        self.list = page.locator("chat-sidebar li a")

    async def open(self, path: str = "/") -> None:
        await self.page.goto(path)
        await expect(self.box).to_be_visible()

    async def say(self, text: str, key: str = "Enter") -> None:
        await self.box.fill(text)
        await self.box.press(key)

    async def ask(self, text: str) -> None:
        """Prompt, and wait for the whole answer."""
        before = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(before + 1)
        await self.ends()

    async def begin(self, text: str = ENDLESS) -> None:
        """Prompt, and wait for the first words of the answer."""
        before = await self.answers.count()
        await self.say(text)
        await expect(self.answers).to_have_count(before + 1)
        await expect(self.answers.last.locator("> chat-markdown").last).not_to_be_empty()

    async def ends(self, status: str = "completed") -> None:
        # Not by an expectation, which looks every half second.
        await self.page.wait_for_function(HAS_ENDED, arg=status, timeout=60_000)

    async def stop(self) -> None:
        await self.box.press("Escape")
        await expect(self.answers.last).to_contain_text(STOPPED)

    async def raw(self) -> list[str]:
        """The texts of the items of all answers, exactly."""
        texts: list[str] = await self.texts.evaluate_all("all => all.map(each => each.rawText)")
        return texts

    async def grows(self, text: Locator) -> None:
        """Wait until more of it is there."""
        before = await text.evaluate("each => each.rawText.length")
        await self.page.wait_for_function(
            "([each, before]) => each.rawText.length > before",
            arg=[await text.element_handle(), before],
        )

    def button(self, name: str | re.Pattern[str], **options: Any) -> Locator:
        return self.page.get_by_role("button", name=name, **options)
