"""Reloads, other tabs, lost connections: the text goes on where it was."""

import asyncio
import re

import pytest
from playwright.async_api import BrowserContext, Page, WebSocketRoute, expect

from tests.browser.chat import ENDLESS, Chat

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_reload_in_mid_stream_shows_the_text_so_far_and_goes_on(chat: Chat) -> None:
    await chat.begin()
    before = (await chat.raw())[0]
    await chat.page.reload()
    await expect(chat.texts).not_to_be_empty()
    assert (await chat.raw())[0].startswith(before)
    await chat.grows(chat.texts.first)
    await chat.stop()


async def test_a_second_tab_shows_the_same_and_can_stop_it(
    chat: Chat, context: BrowserContext
) -> None:
    await chat.begin()
    other = Chat(await context.new_page())
    await other.page.goto(chat.page.url)
    await expect(other.prompts).to_have_text([ENDLESS])
    await other.grows(other.texts.first)
    await other.stop()
    await chat.ends("cancelled")
    assert await chat.raw() == await other.raw()
    await chat.say("From the first tab")
    await expect(other.prompts).to_have_text([ENDLESS, "From the first tab"])
    await chat.ends()
    await other.ends()
    assert await chat.raw() == await other.raw()


async def test_somebody_who_types_is_seen_in_another_tab(
    chat: Chat, context: BrowserContext
) -> None:
    await chat.ask("Hello")
    other = Chat(await context.new_page())
    await other.page.goto(chat.page.url)
    await expect(other.prompts).to_have_count(1)
    await other.box.press_sequentially("Hm")
    await expect(chat.status).to_contain_text("typing")


class Line:
    """The wire between page and service, which a test may cut."""

    def __init__(self) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.is_cut = False
        self.is_mute = False
        self.hangs = False
        self.tries = 0

    async def connect(self, socket: WebSocketRoute) -> None:
        self.tries += 1
        if self.is_cut:
            await socket.close(code=1001)
            return
        while self.hangs:  # until this returns, the page's socket is connecting
            await asyncio.sleep(0.05)
        server = socket.connect_to_server()
        server.on_message(lambda text: None if self.is_mute else socket.send(text))
        self.sockets.append(socket)

    async def cut(self) -> None:
        self.is_cut = True
        for socket in self.sockets:
            await socket.close(code=1001)
        self.sockets.clear()


async def cuttable(page: Page) -> Line:
    line = Line()
    await page.route_web_socket("**/v1/responses?interject=1", line.connect)
    await page.reload()
    return line


async def test_a_lost_connection_comes_back_by_itself_and_says_so(chat: Chat) -> None:
    line = await cuttable(chat.page)
    await chat.begin()
    await line.cut()
    await expect(chat.status).to_contain_text("connection is lost")
    at_loss = (await chat.raw())[0]
    await chat.say("Said without a connection")
    await expect(chat.page.get_by_text("Goes out with the connection")).to_be_visible()
    line.is_cut = False
    await expect(chat.status).not_to_contain_text("connection is lost")
    await expect(chat.prompts).to_have_text([ENDLESS, "Said without a connection"])
    await expect(chat.answers).to_have_count(2)
    assert (await chat.raw())[0].startswith(at_loss)


async def test_what_was_sent_into_a_dying_connection_is_sent_once(chat: Chat) -> None:
    line = await cuttable(chat.page)
    await chat.ask("Hello")
    line.is_mute = True
    await chat.say("Did you hear me?")
    await expect(chat.page.get_by_text("Sending…")).to_be_visible()
    await chat.page.wait_for_function(  # it was written to the database by then, or was not
        "() => document.querySelector('.unsettled')"
    )
    await line.cut()
    line.is_mute = line.is_cut = False
    await expect(chat.prompts).to_have_text(["Hello", "Did you hear me?"])
    await chat.ends()
    await chat.page.reload()
    await expect(chat.prompts).to_have_text(["Hello", "Did you hear me?"])
    await expect(chat.page.locator(".switcher")).to_have_count(0)


async def test_a_connection_that_dies_in_mid_stream_is_noticed(chat: Chat) -> None:
    await chat.page.clock.install()
    line = await cuttable(chat.page)
    await chat.begin()
    line.is_mute = True
    tries = line.tries
    await chat.page.wait_for_timeout(300)  # what was under way is there
    await chat.page.clock.fast_forward(21_000)  # silent for long: it is asked
    await chat.page.clock.fast_forward(11_000)  # and does not answer
    line.is_mute = False
    await expect(chat.page.get_by_text("connection is lost")).to_have_count(0)
    await chat.grows(chat.texts.last)
    assert line.tries > tries
    await chat.stop()


async def test_a_network_that_is_back_has_the_connection_prove_itself(chat: Chat) -> None:
    await chat.page.clock.install()
    line = await cuttable(chat.page)
    await chat.ask("Hello")
    line.is_mute = True
    await chat.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    await chat.page.clock.fast_forward(11_000)
    line.is_mute = False
    await chat.ask("Are you there?")
    assert line.tries == 2


async def test_a_handshake_that_hangs_is_given_up(chat: Chat) -> None:
    await chat.page.clock.install()
    line = Line()
    line.hangs = True
    await chat.page.route_web_socket("**/v1/responses?interject=1", line.connect)
    await chat.page.reload()
    await expect(chat.status).to_contain_text("connection is lost")
    assert line.tries == 1
    await chat.page.clock.fast_forward(10_000)
    await chat.page.clock.fast_forward(10_000)
    line.hangs = False
    await chat.ask("Hello")
    assert line.tries > 1


async def test_a_stop_that_was_said_offline_outlives_a_reload(chat: Chat) -> None:
    line = await cuttable(chat.page)
    await chat.begin()
    await line.cut()
    await expect(chat.status).to_contain_text("connection is lost")
    await chat.box.press("Escape")
    await chat.button("Good answer").click()
    line.is_cut = False
    await chat.page.reload()
    await chat.ends("cancelled")
    await expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "true")


async def test_a_steer_that_was_stopped_right_away_is_given_back_after_a_reload(
    chat: Chat,
) -> None:
    steer = "Rather a slow and long one about pears"  # Whichever the stop meets, it still runs.
    await chat.begin()
    await chat.say(steer)
    await chat.box.press("Escape")
    await chat.page.reload()
    await chat.ends("cancelled")
    for fate in ("Steering…", "Sending as a steer…"):
        await expect(chat.page.get_by_text(fate)).to_have_count(0)
    await expect(chat.prompts).to_have_text([ENDLESS, steer])


async def test_signing_out_elsewhere_leads_to_the_sign_in_page(
    chat: Chat, context: BrowserContext
) -> None:
    await chat.ask("Hello")
    other = await context.new_page()
    await other.goto("/accounts/logout/")
    await other.get_by_role("button", name="Sign Out").click()
    await expect(chat.page).to_have_url(re.compile("/accounts/login/"))
