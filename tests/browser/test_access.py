"""For everybody: by keyboard alone, on a narrow screen, in the dark, read aloud."""

import re

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.chat import Chat

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW: ViewportSize = {"width": 360, "height": 740}
MANY_TABS = 40


async def test_everything_works_by_keyboard_alone(chat: Chat) -> None:
    keys = chat.page.keyboard
    await expect(chat.box).to_be_focused()
    await keys.type("A slow and long one, please")
    await keys.press("Enter")
    await expect(chat.texts.last).not_to_be_empty()
    await keys.type("Wait for me")
    await keys.press("Alt+Enter")
    await expect(chat.waiting).to_have_count(1)
    await keys.press("Escape")
    await expect(chat.answers.last).to_contain_text("Stopped after")
    await _tab_to(chat, "Good answer", "Shift+Tab")
    await keys.press("Space")
    await expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "true")
    await _tab_to(chat, "Send now", "Tab")
    await keys.press("Enter")
    await expect(chat.waiting).to_have_count(0)


async def _tab_to(chat: Chat, name: str, key: str) -> None:
    """Press the key until the button of that name is focused; the focus must show."""
    for _ in range(MANY_TABS):
        await chat.page.keyboard.press(key)
        focused = chat.page.locator(":focus")
        label = await focused.get_attribute("aria-label") or await focused.inner_text()
        if label == name:
            outline = await focused.evaluate("each => getComputedStyle(each).outlineStyle")
            assert outline != "none"
            return
    raise AssertionError(f"{name} cannot be reached by {key}")


async def test_the_first_link_leads_to_the_message(chat: Chat) -> None:
    link = chat.page.locator("a, button, input").first
    await expect(link).to_have_text("Skip to your message")
    await link.focus()
    await expect(link).to_be_in_viewport()
    await link.press("Enter")
    await expect(chat.box).to_be_focused()


async def test_a_screen_reader_hears_blocks_and_not_tokens(chat: Chat) -> None:
    region = chat.page.locator("chat-announcer[aria-live=polite]")
    await chat.page.evaluate(
        """() => {
            window.said = [];
            new MutationObserver((records) => {
                for (const record of records) {
                    for (const node of record.addedNodes) window.said.push(node.textContent);
                }
            }).observe(document.querySelector("chat-announcer"), { childList: true });
        }"""
    )
    await chat.ask("Hello there")
    await expect(region).to_contain_text("The answer is complete.")
    said = [line for line in await chat.page.evaluate("() => window.said") if line]
    assert said[0] == "Answering…"
    assert said[-1] == "The answer is complete."
    assert "This is a demo" in said
    blocks = await chat.texts.last.locator(".block").count()
    assert len(said) <= blocks + 2
    busy = chat.page.locator("chat-thread[aria-live], .answer[aria-live]")
    assert await busy.count() == 0


async def test_a_narrow_screen_has_the_list_as_a_panel(chat: Chat) -> None:
    await chat.ask("Hello there")
    await chat.page.set_viewport_size(NARROW)
    await expect(chat.list).to_be_hidden()
    opener = chat.button("Conversations")
    await opener.click()
    await expect(chat.list).to_be_visible()
    await expect(chat.button("Hide conversations")).to_be_focused()
    assert await chat.page.locator("#main").evaluate("each => each.inert")
    await chat.page.keyboard.press("Escape")
    await expect(chat.list).to_be_hidden()
    await expect(opener).to_be_focused()
    width = "document.documentElement.scrollWidth"
    assert await chat.page.evaluate(width) == NARROW["width"]


async def test_the_sidebar_is_where_it_will_be_before_the_page_is_alive(chat: Chat) -> None:
    sidebar = chat.page.locator("#sidebar")
    await chat.button("Hide conversations").click()
    await chat.page.route("**/js/page.js", lambda route: route.abort("internetdisconnected"))
    await chat.page.reload()
    await expect(sidebar).to_be_hidden()
    await chat.page.evaluate("localStorage.clear()")
    await chat.page.reload()
    await expect(sidebar).to_be_visible()
    await chat.page.set_viewport_size(NARROW)
    await chat.page.reload()
    await expect(sidebar).to_be_hidden()


async def test_touch_targets_are_large_enough(chat: Chat) -> None:
    screen = await chat.page.context.browser.new_context(  # type: ignore[union-attr]
        base_url=chat.page.url.rstrip("/"), viewport=NARROW, has_touch=True, is_mobile=True
    )
    await screen.add_cookies(await chat.page.context.cookies())  # type: ignore[arg-type]
    touch = Chat(await screen.new_page())
    await touch.open()
    await touch.begin()
    small = await touch.page.evaluate(
        """() => [...document.querySelectorAll("button, select, summary, a, textarea")]
            .filter((each) => each.checkVisibility() && !each.closest(".markdown, .skip-link"))
            .filter((each) => !each.closest("[inert]"))
            .map((each) => [each.getAttribute("aria-label") ?? each.textContent.trim(),
                each.getBoundingClientRect().height])
            .filter(([, height]) => height < 44)"""
    )
    assert not small
    await touch.stop()
    await screen.close()


async def test_the_theme_follows_the_system_or_the_choice(chat: Chat) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    await chat.page.emulate_media(color_scheme="light")
    light = await chat.page.evaluate(ground)
    await chat.page.emulate_media(color_scheme="dark")
    dark = await chat.page.evaluate(ground)
    assert light != dark
    await chat.button("Colours: as the system").click()
    await expect(chat.button("Colours: light")).to_be_visible()
    assert await chat.page.evaluate(ground) == light
    await chat.page.reload()
    assert await chat.page.evaluate(ground) == light


async def test_colours_have_enough_contrast(chat: Chat) -> None:
    for scheme in ("light", "dark"):
        await chat.page.emulate_media(color_scheme=scheme)
        for text in ("--text", "--text-soft", "--accent", "--danger", "--good"):
            for ground in ("--ground", "--surface", "--sunken"):
                ratio = await chat.page.evaluate(CONTRAST, [text, ground])
                assert ratio >= 4.5, (scheme, text, ground, ratio)


async def test_code_has_enough_contrast(chat: Chat) -> None:
    for scheme in ("light", "dark"):
        await chat.page.emulate_media(color_scheme=scheme)
        for name in ("comment", "keyword", "string", "number", "title", "type", "meta", "deletion"):
            ratio = await chat.page.evaluate(CONTRAST, [f".hljs-{name}", "--sunken"])
            assert ratio >= 4.5, (scheme, name, ratio)


CONTRAST = """([text, ground]) => {
    const luminance = (name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        if (name.startsWith(".")) probe.className = name.slice(1);
        else probe.style.color = `var(${name})`;
        const channels = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
        probe.remove();
        const [r, g, b] = channels.map((each) => each / 255).map((each) =>
            each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [one, other] = [luminance(text), luminance(ground)].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
}"""


async def test_the_reader_who_went_up_is_left_there(chat: Chat) -> None:
    await chat.page.set_viewport_size({"width": 900, "height": 500})
    await chat.ask("Hello there")
    await chat.begin()
    thread = chat.page.locator("chat-thread")
    end = "each => each.scrollHeight - each.scrollTop - each.clientHeight"
    await thread.hover()
    await chat.page.mouse.wheel(0, -400)
    jump = chat.button("Go to the end")
    await expect(jump).to_be_visible()
    place = await thread.evaluate("each => each.scrollTop")
    await chat.grows(chat.texts.last)
    assert await thread.evaluate("each => each.scrollTop") == place
    await jump.click()
    await expect(jump).to_be_hidden()
    await chat.grows(chat.texts.last)
    assert await thread.evaluate(end) < 100
    await chat.stop()


async def test_the_page_has_a_title_and_headings(chat: Chat) -> None:
    await chat.ask("Hello there")
    await expect(chat.page).to_have_title(re.compile("Hello there"))
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Hello there")
    await expect(chat.page.get_by_role("heading", level=2, name="Answer")).to_have_count(1)
    assert await chat.texts.last.locator("h1, h2").count() == 0
