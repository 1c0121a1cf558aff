"""The sidebar, and who may see what."""

import json
import re
from typing import Any

import pytest
from playwright.async_api import APIResponse, Browser, Page, expect

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


async def test_the_list_goes_on_where_its_page_ended(chat: Chat) -> None:
    made = 33
    for number in range(made):
        new = await (await _post(chat, "/conversations")).json()
        named = {"title": f"Number {number}"}
        assert (await _post(chat, f"/conversations/{new['id']}/rename", named)).status == 200
    assert (await _post(chat, "/conversations")).status == 201  # never prompted: not listed
    await chat.page.reload()
    await expect(chat.list).to_have_count(30)
    await chat.button("Show more").click()
    await expect(chat.list).to_have_count(made)
    await expect(chat.button("Show more")).to_have_count(0)
    rows = await chat.page.locator("chat-sidebar li").evaluate_all(
        "all => all.map(each => each.dataset.conversationId)"
    )
    assert len(set(rows)) == made


async def test_a_row_that_stands_first_already_is_not_shown_twice(chat: Chat) -> None:
    await chat.ask("The oldest")
    for number in range(30):
        new = await (await _post(chat, "/conversations")).json()
        await _post(chat, f"/conversations/{new['id']}/rename", {"title": f"Number {number}"})
    await chat.page.reload()
    await expect(chat.list).to_have_count(31)
    more = chat.button("Show more")
    await more.evaluate("each => { each.click(); each.click(); }")
    await expect(more).to_have_count(0)
    await expect(chat.list).to_have_count(31)


async def test_a_refused_title_stays_as_it_was_typed(chat: Chat) -> None:
    await chat.ask("Apples")
    await chat.list.first.hover()
    await chat.button("Rename or delete Apples").click()
    title = chat.page.get_by_role("textbox", name="Title")
    await chat.page.route("**/rename", lambda route: route.abort("internetdisconnected"))
    await title.fill("Pears")
    await chat.button("Rename", exact=True).click()
    await expect(chat.page.get_by_role("alert")).to_contain_text("cannot be reached")
    await expect(title).to_have_value("Pears")


async def test_drafts_are_forgotten_with_their_conversation_and_at_signing_out(chat: Chat) -> None:
    await chat.ask("Apples")
    await chat.box.fill("A draft")
    drafts = "() => Object.keys(localStorage).filter((key) => key.startsWith('draft:'))"
    assert len(await chat.page.evaluate(drafts)) == 1
    await chat.list.first.hover()
    await chat.button("Rename or delete Apples").click()
    await chat.button("Delete…").click()
    await chat.button("Delete", exact=True).click()
    await expect(chat.page).to_have_url(re.compile(r":\d+/$"))
    assert await chat.page.evaluate(drafts) == []
    await chat.box.fill("Another draft")
    assert len(await chat.page.evaluate(drafts)) == 1
    await chat.page.goto("/accounts/logout/")
    await chat.page.get_by_role("button", name="Sign Out").click()
    await expect(chat.page).to_have_url(re.compile("/accounts/login/"))
    assert await chat.page.evaluate(drafts) == []


async def test_a_draft_is_its_writers_alone(chat: Chat, service: Any) -> None:
    await chat.box.fill("Mine")
    await sign_in(chat.page.context, service)
    await chat.page.reload()
    await expect(chat.box).to_have_value("")


async def test_what_is_asked_of_a_conversation_is_checked(chat: Chat, browser: Browser) -> None:
    made = await (await _post(chat, "/conversations")).json()
    rename = f"/conversations/{made['id']}/rename"
    for wrong in ({}, {"title": ""}, {"title": "x" * 201}, {"title": "a\x00b"}, ["title"], "title"):
        assert (await _post(chat, rename, wrong)).status == 400, wrong
    assert (await _post(chat, rename, {"title": "half \ud83d"})).status == 200
    for path in ("/conversations/conv_none/rename", "/conversations/%00/delete", "/c/%00/"):
        assert (await _post(chat, path, {"title": "x"})).status in (404, 405), path
    for query in ("q=%00", "q=%ff", "before=x", "before=2020-01-01T00:00:00+00:00_%00", "before=_"):
        listed = await chat.page.request.get(f"/conversations?{query}")
        assert listed.status == 200, query

    without_token = await chat.page.request.post(rename, data={"title": "x"})
    assert without_token.status == 403
    stranger = await browser.new_context(base_url=chat.page.url)
    assert (await stranger.request.get("/conversations")).status == 401
    await stranger.close()


async def _post(chat: Chat, path: str, body: object = None) -> APIResponse:
    cookies = await chat.page.context.cookies()
    token = next(each["value"] for each in cookies if each["name"] == "csrftoken")
    return await chat.page.request.post(
        path, data=json.dumps(body or {}), headers={"X-CSRFToken": token}
    )
