"""What the page is made of comes at once, not one file because of another."""

import pytest

from tests.browser.chat import Chat

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPTS = """
() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname)
    .filter((path) => path.endsWith(".js"))
"""
PRELOADED = """
() => [...document.querySelectorAll("link[rel=modulepreload]")]
    .map(({ href }) => new URL(href).pathname)
"""


async def test_every_module_is_named_by_the_page(chat: Chat) -> None:
    scripts = set(await chat.page.evaluate(SCRIPTS))
    assert "/static/js/markdown/math.js" in scripts
    named = {"/static/js/theme.js", "/static/js/page.js"}
    assert scripts - named == set(await chat.page.evaluate(PRELOADED))
