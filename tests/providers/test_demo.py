"""The demo: an ordinary provider that says what it is."""

import asyncio
import re

import pytest

from chat.providers.base import TextDelta
from chat.providers.demo import DemoProvider
from tests.hasty_loop import in_no_time
from tests.providers.reading import Heard, asking, hear
from tests.providers.test_chat_messages import message

FAST = 1_000_000.0
WORDS = 100


async def said(prompt: str, **settings: object) -> Heard:
    return await hear(DemoProvider(FAST), asking(prompt, **settings))


async def test_it_offers_one_model():
    assert await DemoProvider().models() == ["demo"]


async def test_it_says_that_it_is_a_demo_and_quotes_the_prompt():
    text = (await said("What is\na monad?")).text
    assert "demo" in text.split("\n\n")[0]
    assert "> What is\n> a monad?" in text


async def test_it_shows_every_kind_of_markdown():
    text = (await said("Hello")).text
    assert re.search(r"^## ", text, re.MULTILINE)
    assert re.search(r"^\|---\|---\|$", text, re.MULTILINE)
    assert "```python\n" in text
    assert re.search(r"^\$\$\n.+\n\$\$$", text, re.MULTILINE)
    assert re.search(r"[^$]\$[^$\n]+\$[^$]", text)


async def test_the_same_prompt_gets_the_same_answer():
    assert await said("Hello long") == await said("Hello long")


async def test_long_is_4000_words():
    heard = await said("Tell me something long")
    assert len(heard.text.split()) == 4000
    paragraphs = [each for each in heard.text.split("\n\n") if len(each) > 100]
    assert len(set(paragraphs)) == len(paragraphs)


@pytest.mark.parametrize("wish", ["think", "Show your reasoning!"])
async def test_it_thinks_first_when_asked_to(wish):
    heard = await said(wish)
    assert heard.reasoning
    assert heard.text
    assert heard.usage is not None
    assert heard.usage.reasoning_tokens == len(heard.reasoning.split())
    assert not (await said("Hello")).reasoning


async def test_it_fails_in_the_middle_when_asked_to():
    heard = await said("Please fail")
    assert heard.text
    assert heard.error is not None
    assert heard.error.code == "server_error"
    assert "fail" in heard.error.message


async def test_it_takes_a_steer_up():
    items = [
        message("user", "Tell me something long"),
        message("assistant", "## This is a demo\n\nNo model is connected", status="incomplete"),
        message("user", "Speak of\nbirds instead"),
    ]
    text = (await hear(DemoProvider(FAST), asking(items=items))).text
    assert "> Speak of\n> birds instead" in text
    assert "after 9 words" in text
    assert "a demo No model is connected”" in text
    assert len(text.split()) < 1000, "what was asked before the steer counts no more"


async def test_it_takes_up_several_steers_and_one_before_the_first_word():
    items = [message("user", "Hello"), message("user", "One"), message("user", "Two")]
    text = (await hear(DemoProvider(FAST), asking(items=items))).text
    assert "> One\n>\n> Two" in text
    assert "before my first word" in text


async def test_a_finished_answer_was_not_interrupted():
    items = [
        message("user", "a"),
        message("assistant", "b", status="completed"),
        message("user", "c"),
    ]
    assert "interrupted" not in (await hear(DemoProvider(FAST), asking(items=items))).text


async def test_it_counts_words_as_tokens():
    heard = await said("one two three", instructions="four five")
    assert heard.usage is not None
    assert heard.usage.input_tokens == 5
    assert heard.usage.output_tokens == len(heard.text.split())


async def test_it_stops_at_the_length_that_was_asked_for():
    heard = await said("Hello", max_output_tokens=7)
    assert (len(heard.text.split()), heard.finish) == (7, "length")


async def test_odd_prompts_are_survived():
    for content in ("", [], None, [{"type": "input_image", "image_url": "x"}], "\x00\ud800"):
        items = [{"type": "message", "role": "user", "content": content}]
        heard = await hear(DemoProvider(FAST), asking(items=items))
        assert heard.finish == "stop"
        assert "\x00" not in heard.text
        heard.text.encode()
    assert (await hear(DemoProvider(FAST), asking(items=[]))).finish == "stop"


async def pace(provider: DemoProvider, prompt: str) -> float:
    """Words a second."""
    loop = asyncio.get_running_loop()
    began, heard = loop.time(), 0
    async with provider.stream(asking(prompt)) as batches:
        async for batch in batches:
            heard += sum(isinstance(delta, TextDelta) for delta in batch)
            if heard > WORDS:
                break
    return (heard - 1) / (loop.time() - began)


def test_it_keeps_its_pace():
    assert in_no_time(pace(DemoProvider(300), "Hello")) == pytest.approx(300)


def test_slow_is_a_tenth_of_the_pace():
    assert in_no_time(pace(DemoProvider(300), "slow")) == pytest.approx(30)


def test_a_late_reader_gets_all_that_is_due_at_once():
    async def read_late() -> int:
        async with DemoProvider(200).stream(asking()) as batches:
            await anext(batches)
            asyncio.get_running_loop().now += 0.2
            return len(await anext(batches))

    assert in_no_time(read_late()) == 40
