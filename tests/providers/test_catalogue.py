"""Which models there are: asked of upstream once for all, and soon again if it could not say."""

import asyncio

import pytest

from chat.providers.base import ProviderError
from chat.providers.catalogue import (
    LISTING_SECONDS,
    PARTIAL_SECONDS,
    RETRY_SECONDS,
    Catalogue,
)
from tests.upstream_script import refusal


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
async def catalogue(provider, now):
    return Catalogue(provider, clock=lambda: now[0])


async def test_upstream_is_asked_once_for_all(upstream, catalogue):
    upstream.models = ["one", "two"]
    found = await asyncio.gather(*(catalogue.models() for _ in range(5)))
    assert found == [["one", "two"]] * 5
    assert len(upstream.requests) == 1


async def test_a_model_whose_name_cannot_be_kept_is_not_offered(upstream, catalogue):
    upstream.models = ["\ud800", "one", "\x00"]
    assert await catalogue.models() == ["one"]


async def test_what_it_said_is_believed_for_a_while(upstream, catalogue, now):
    await catalogue.models()
    upstream.models = ["new"]
    now[0] += LISTING_SECONDS
    assert await catalogue.models() == ["test-model"]
    now[0] += 1
    assert await catalogue.models() == ["new"]


async def test_one_that_could_not_say_is_soon_asked_again_but_not_at_once(upstream, catalogue, now):
    upstream.scripts["/v1/models"] = refusal(500)
    for _ in range(3):
        with pytest.raises(ProviderError):
            await catalogue.models()
    assert len(upstream.requests) == 1
    del upstream.scripts["/v1/models"]
    now[0] += RETRY_SECONDS + 1
    assert await catalogue.models() == ["test-model"]


async def test_what_some_could_not_say_is_asked_for_again_a_little_later(provider, upstream, now):
    whole = [False]
    catalogue = Catalogue(provider, clock=lambda: now[0], is_whole=lambda: whole[0])
    await catalogue.models()
    upstream.models = ["all of them"]
    now[0] += PARTIAL_SECONDS
    assert await catalogue.models() == ["test-model"]
    now[0] += 1
    assert await catalogue.models() == ["all of them"]


async def test_who_stops_waiting_stops_nobody_else(upstream, catalogue):
    impatient = asyncio.create_task(catalogue.models())
    patient = asyncio.create_task(catalogue.models())
    await upstream.request()
    impatient.cancel()
    assert await patient == ["test-model"]
