"""What is shown of what a model says: all of it, once, and nothing that could act."""

import random
import re

import pytest
from playwright.async_api import expect

from tests.browser.chat import Chat
from tests.browser.feed import Feed

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = """\
<script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2">

[a link](javascript:window.hacked=3) [data](data:text/html,<script>parent.hacked=4</script>)
![a picture](https://tracker.example/pixel.png) <https://example.org/plain> [rel](/accounts/logout/)

<iframe src="https://example.org"></iframe>

<form action="https://example.org"><input name="password"><button>Go</button></form>

<style>body { display: none }</style>

<svg><a xlink:href="javascript:window.hacked=5"><text>x</text></a></svg>

<a href="https://example.org" style="position:fixed;inset:0" id="title" onclick="x">everywhere</a>

$\\href{javascript:window.hacked=6}{x} \\url{javascript:x} \\includegraphics{https://example.org/x.png}$

$\\htmlStyle{position:fixed}{x} \\unicode{<img src=x onerror=window.hacked=7>}$

```html"><img src=x onerror=window.hacked=8>
<script>window.hacked = 9</script>
```
"""

RICH = """\
# Title

A *paragraph* with `code`, $x^2$ and [a link](https://example.org).

- one
- two
  1. nested
  2. more

| a | b |
|---|--:|
| 1 | $y$ |

```python
def f(x):
    return x  # $5 and $6
```

$$
\\int_0^1 x\\,dx
$$

> quoted
> twice

Done, see [there].

[there]: https://example.org/there
"""


async def test_what_a_model_says_can_do_nothing(fed: Chat, feed: Feed) -> None:
    requests: list[str] = []
    fed.page.on("request", lambda request: requests.append(request.url))
    await feed.answer("resp_1", re.findall(r"(?s).{1,7}", HOSTILE))
    await fed.ends()
    text = fed.texts.last
    await expect(text).to_contain_text("<script>window.hacked = 1</script>")
    await expect(text).to_contain_text("<iframe")
    assert await fed.page.evaluate("() => window.hacked") is None
    assert (
        await text.locator("script, img, iframe, form, input, style, svg a, [onclick]").count() == 0
    )
    assert not [url for url in requests if "example" in url]
    links = await text.locator("a[href]").evaluate_all(
        "all => all.map(a => [a.href, a.rel, a.target])"
    )
    assert {link for link, _, _ in links} == {
        "https://tracker.example/pixel.png", "https://example.org/plain"
    }  # fmt: skip
    assert all("noopener" in rel and "noreferrer" in rel for _, rel, _ in links)
    assert all(target == "_blank" for _, _, target in links)
    assert await fed.raw() == [HOSTILE]


async def test_a_prompt_is_shown_as_it_was_written(fed: Chat, feed: Feed) -> None:
    await feed.answer("resp_1", ["Yes"])
    await fed.say("<b>not bold</b>\n  *nor this*")
    await expect(fed.page.locator(".unsettled .bubble")).to_have_text(
        "<b>not bold</b>\n  *nor this*", use_inner_text=True
    )


async def test_any_cut_shows_the_same_as_the_whole(fed: Chat, feed: Feed) -> None:
    chance = random.Random(5)
    await feed.answer("resp_whole", [RICH])
    await fed.ends()
    whole = await _settled_html(fed)
    for number in range(12):
        pieces, at = [], 0
        while at < len(RICH):
            end = at + 1 + chance.randrange(12)
            pieces.append(RICH[at:end])
            at = end
        await feed.begin(f"resp_{number}")
        for piece in pieces:
            feed.say(f"resp_{number}", piece)
            if chance.random() < 0.3:
                await fed.page.evaluate("() => new Promise(requestAnimationFrame)")
        feed.end(f"resp_{number}", RICH)
        await expect(fed.page.locator(f'[data-response-id="resp_{number}"]')).to_have_attribute(
            "data-status", "completed"
        )
        assert await _settled_html(fed) == whole
        assert await fed.raw() == [RICH]


async def _settled_html(chat: Chat) -> str:
    text = chat.texts.last
    await expect(text).not_to_have_class(re.compile("live"))
    await expect(text.locator(".katex")).to_have_count(3)
    await expect(text.locator(".hljs-keyword")).to_have_count(2)
    html: str = await text.inner_html()
    return html


async def test_a_caret_stands_at_the_end_while_words_come(fed: Chat, feed: Feed) -> None:
    await feed.begin("resp_1")
    await expect(fed.page.get_by_text("Thinking")).to_be_visible()
    feed.say("resp_1", "Some words")
    await expect(fed.page.get_by_text("Thinking")).to_have_count(0)
    paragraph = fed.texts.last.locator("p")
    caret = "p => getComputedStyle(p, '::after').content"
    await expect(paragraph).to_have_text("Some words")
    assert await paragraph.evaluate(caret) == '""'
    feed.end("resp_1", "Some words")
    await fed.ends()
    await expect(fed.texts.last).not_to_have_class(re.compile("live"))
    assert await paragraph.evaluate(caret) == "none"


async def test_who_took_over_from_whom_is_said_under_the_answer(fed: Chat, feed: Feed) -> None:
    await feed.begin("resp_1")
    switch = {"from": "<b>first</b>", "to": "second", "at": 1.5, "reason": "rate_limit_exceeded"}
    feed.send("interject:provider_switched", response_id="resp_1", sequence_number=1, **switch)
    note = fed.page.locator("article.answer .switched")
    await expect(note).to_have_text("second took over: <b>first</b> had too many requests")
    feed.say("resp_1", "Here.")
    feed.end("resp_1", "Here.")
    await fed.ends()
    await expect(note).to_have_count(1)


async def test_an_answer_from_the_cache_says_so_and_answer_again_wants_another(
    fed: Chat, feed: Feed
) -> None:
    await feed.begin("resp_1")
    feed.say("resp_1", "As before.")
    ended = {"id": "resp_1", "status": "completed", "interject": {"cache": "hit"}}
    feed.event("resp_1", "response.completed", response=ended)
    await expect(fed.page.locator("article.answer .cached")).to_have_text("From the cache")
    await fed.button("Answer again").click()
    await feed.heard(lambda: len(feed.prompts()) == 2)
    assert feed.prompts()[1]["interject"] == {"root": True, "cache": False}
