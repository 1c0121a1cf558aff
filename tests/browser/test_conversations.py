"""The sidebar, and who may see what."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chat import Chat
from tests.browser.conftest import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_signing_up_in_and_out_and_changing_the_password(page: Page) -> None:
    await page.goto("/accounts/signup/")
    name = "newcomer" + str(abs(hash(page)))[:8]
    await page.fill("#id_username", name)
    await page.fill("#id_password1", "correct horse battery")
    await page.fill("#id_password2", "correct horse battery")
    await page.get_by_role("button", name="Sign Up").click()
    await expect(Chat(page).box).to_be_focused()
    await page.locator(".account summary").click()
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign Out").click()
    await expect(page).to_have_url(re.compile("/accounts/login/"))
    await page.fill("#id_login", name)
    await page.fill("#id_password", "correct horse battery")
    await page.get_by_role("button", name="Sign In").click()
    await expect(Chat(page).box).to_be_focused()
    await page.locator(".account summary").click()
    await page.get_by_role("link", name="Change password").click()
    await page.fill("#id_oldpassword", "correct horse battery")
    await page.fill("#id_password1", "battery staple horse")
    await page.fill("#id_password2", "battery staple horse")
    await page.get_by_role("button", name="Change Password").click()
    await expect(page.get_by_role("status")).to_contain_text("changed")
    await page.get_by_role("link", name="Sign Out").click()
    await page.get_by_role("button", name="Sign Out").click()
    await expect(page).to_have_url(re.compile("/accounts/login/"))


async def test_a_conversation_is_renamed_found_and_deleted(chat: Chat) -> None:
    await chat.ask("Apples")
    await chat.page.goto("/")
    await chat.ask("Pears")
    await expect(chat.list).to_have_text(["Pears", "Apples"])

    await chat.list.last.hover()
    await chat.button("Rename or delete Apples").click()
    await chat.page.get_by_role("textbox", name="Title").fill("Apples & <b>quinces</b>")
    await chat.button("Rename", exact=True).click()
    await expect(chat.list).to_have_text(["Pears", "Apples & <b>quinces</b>"])

    search = chat.page.get_by_label("Search conversations by title")
    await search.fill("QUINCE")
    await expect(chat.list).to_have_text(["Apples & <b>quinces</b>"])
    await search.fill("")
    await expect(chat.list).to_have_count(2)

    await chat.list.first.hover()
    await chat.button("Rename or delete Pears").click()
    await chat.button("Delete…").click()
    await expect(chat.button("Keep it")).to_be_focused()
    await chat.button("Delete", exact=True).click()
    await expect(chat.page).to_have_url(re.compile(r":\d+/$"))
    await expect(chat.list).to_have_text(["Apples & <b>quinces</b>"])


async def test_somebody_elses_conversation_looks_as_if_it_did_not_exist(
    chat: Chat, browser: Browser, service: Any
) -> None:
    await chat.ask("Mine alone")
    stranger = await browser.new_context(base_url=service.url)
    await sign_in(stranger, service)
    answer = await (await stranger.new_page()).goto(chat.page.url)
    assert answer is not None
    assert answer.status == 404
    await stranger.close()


async def test_a_conversation_that_is_deleted_elsewhere_says_so(chat: Chat) -> None:
    await chat.ask("Soon gone")
    other = Chat(await chat.page.context.new_page())
    await other.page.goto(chat.page.url)
    await other.button("Rename or delete Soon gone").click()
    await other.button("Delete…").click()
    await other.button("Delete", exact=True).click()
    await expect(chat.status).to_contain_text("This conversation is gone")
    await expect(chat.box).to_be_disabled()
