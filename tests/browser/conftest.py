"""A real Chromium, and a page in it that is signed in as a new user.

Needs the fixture `service`: `.url`, and `.new_user()`, which returns a name and a password.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from chat.models import User
from tests.browser.chat import Chat
from tests.browser.chromium import Chromium
from tests.browser.feed import Feed

# The first has no windows, tabs and menus around its pages, and loads one in half the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)


def _chromium() -> str:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "no Chromium on the PATH; CHROMIUM may name one"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    executable = _chromium()
    async with async_playwright() as playwright:
        chromium = Chromium(playwright, executable)
        await chromium.start()
        yield chromium
        await chromium.stop()


@pytest.fixture
def browser(chromium: Chromium) -> Browser:
    return chromium.browser


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Chromium, service: Any) -> AsyncIterator[BrowserContext]:
    """A browser of one person. Whatever goes wrong in its console fails the test."""
    context = await chromium.browser.new_context(base_url=service.url)
    context.set_default_timeout(PATIENCE_MS)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    wrongs: list[str] = []
    context.on("weberror", lambda error: wrongs.append(str(error.error)))
    context.on("console", lambda said: wrongs.append(said.text) if _is_wrong(said) else None)
    yield context
    await chromium.close(context)
    assert not wrongs, wrongs


def _is_wrong(said: Any) -> bool:
    # Losing the network is part of some tests.
    return said.type == "error" and "ERR_INTERNET_DISCONNECTED" not in said.text


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def chat(page: Page, service: Any) -> Chat:
    """The page of a new conversation of a new user."""
    await sign_in(page.context, service)
    chat = Chat(page)
    await chat.open()
    return chat


@pytest_asyncio.fixture(loop_scope="session")
async def feed(page: Page) -> Feed:
    feed = Feed()
    await feed.attach(page)
    return feed


@pytest_asyncio.fixture(loop_scope="session")
async def fed(feed: Feed, chat: Chat) -> Chat:
    """A chat that says nothing of its own: the feed answers."""
    await chat.say("Say it")
    return chat


async def sign_in(context: BrowserContext, service: Any) -> None:
    """Make the browser a new user's. The sign-in page itself, slow by design, has its own test."""
    name, value = await asyncio.to_thread(_session_of_new_user, service)
    await context.add_cookies([{"name": name, "value": value, "url": service.url}])


def _session_of_new_user(service: Any) -> tuple[str, str]:
    try:
        client = Client()
        client.force_login(
            User.objects.get(username=service.new_user()[0]),
            backend="django.contrib.auth.backends.ModelBackend",
        )
        name = settings.SESSION_COOKIE_NAME
        return name, client.cookies[name].value
    finally:
        connections.close_all()  # each thread has its own
