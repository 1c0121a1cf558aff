"""The cache as its users meet it: what is allowed, what a prompt asks for, what they see."""

from collections.abc import Iterator

import pytest

from chat.models import Response
from tests.service import Service
from tests.upstream import Upstream
from tests.wire.lines import kept, line, plain, texts

ASKS = {"cache": True}


@pytest.fixture(scope="module")
def caching(database, upstream: Upstream) -> Iterator[Service]:
    """A service whose prompts to one model use the cache, and others' when they ask for it."""
    settings = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "plain-model,cached-model",
        "CHAT_CACHE": "user",
        "CHAT_CACHE_MODELS": "cached-model",
    }
    running = Service("uvicorn", settings).start()
    yield running
    running.stop()


async def test_the_same_prompt_is_answered_again_and_marked_and_stays_so(caching, account, model):
    prompt = model.says("One ", "two.")
    async with plain(caching, account) as asking:
        first = await asking.answer(prompt, model="cached-model")
        again = await asking.answer(prompt, model="cached-model")
        numbers = asking.numbers(again["id"])
        assert numbers == list(range(len(numbers)))
        assert asking.text_of(again["id"]) == texts(again) == "One two."
        assert asking.ours() == []
    assert model.times_asked(prompt) == 1
    assert [each["interject"]["cache"] for each in (first, again)] == ["miss", "hit"]
    assert again["usage"] == first["usage"]
    async with line(caching, account) as later:
        shown = (await later.follow(again["conversation"]["id"]))["responses"][0]
    assert shown["interject"] == again["interject"]
    row = await kept(lambda: Response.objects.get(pk=again["id"]))
    assert (row.cache, row.provider) == ("hit", first["interject"]["provider"])


async def test_a_prompt_decides_where_its_model_does_not(caching, account, model):
    prompt = model.says("One.")
    async with line(caching, account) as chat:
        said = [
            (await chat.answer(prompt, **fields))["interject"].get("cache")
            for fields in ({}, {"interject": ASKS}, {}, {"interject": ASKS})
        ]
        assert said == [None, "miss", None, "hit"]
        assert model.times_asked(prompt) == 3
        await chat.answer(prompt, model="cached-model")
        asked = model.times_asked(prompt)
        afresh = await chat.answer(prompt, model="cached-model", interject={"cache": False})
        assert "cache" not in afresh["interject"]
        assert model.times_asked(prompt) == asked + 1


async def test_another_user_is_answered_by_the_model(caching, account, stranger, model):
    prompt = model.says("One.")
    for user in (account, stranger):
        async with line(caching, user) as chat:
            response = await chat.answer(prompt, model="cached-model")
            assert response["interject"]["cache"] == "miss"
    assert model.times_asked(prompt) == 2


async def test_where_there_is_no_cache_who_asks_for_it_is_answered_and_told(chat, model):
    prompt = model.says("One.")
    said = [await chat.answer(prompt, interject=ASKS) for _ in range(2)]
    assert [(each["status"], each["interject"]["cache"]) for each in said] == [
        ("completed", "unused"), ("completed", "unused"),
    ]  # fmt: skip
    assert model.times_asked(prompt) == 2
    shown = (await chat.follow(said[0]["conversation"]["id"]))["responses"][0]
    assert shown["interject"] == said[0]["interject"]
