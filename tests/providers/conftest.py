from collections.abc import AsyncIterator, Callable

import pytest

from chat.providers.base import Limits
from chat.providers.chat_completions import ChatCompletionsProvider
from chat.providers.http_provider import HttpProvider
from chat.providers.pool import Pool
from chat.providers.responses import ResponsesProvider
from tests.providers.pooling import Time, member, pool_of
from tests.upstream import Upstream
from tests.upstream_responses import RESPONSES
from tests.upstream_script import CHAT, Speech, whole

KEY = "sk-operators-secret-key"
MakeProvider = Callable[..., HttpProvider]
PROVIDERS: dict[str, type[ChatCompletionsProvider] | type[ResponsesProvider]] = {
    CHAT.path: ChatCompletionsProvider,
    RESPONSES.path: ResponsesProvider,
}

# For tests of what holds whichever API upstream speaks.
both_apis = pytest.mark.parametrize(
    "speech", [CHAT, RESPONSES], indirect=True, ids=["chat", "responses"]
)


@pytest.fixture
def speech(request: pytest.FixtureRequest) -> Speech:
    """The API that upstream speaks: Chat Completions, unless a test asks for others."""
    found: Speech = getattr(request, "param", CHAT)
    return found


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def provider_with(upstream: Upstream, speech: Speech) -> AsyncIterator[MakeProvider]:
    """Makes providers of the upstream, with limits of their own; closes them."""
    made: list[HttpProvider] = []

    def make(api_key: str = KEY, **limits: float) -> HttpProvider:
        provider = PROVIDERS[speech.path](
            base_url=upstream.base_url,
            api_key=api_key,
            limits=Limits(**limits),  # type: ignore[arg-type]
        )
        made.append(provider)
        return provider

    yield make
    for provider in made:
        await provider.close()


@pytest.fixture
def provider(provider_with: MakeProvider) -> HttpProvider:
    return provider_with()


@pytest.fixture
async def first() -> AsyncIterator[Upstream]:
    async with Upstream(whole("from the first")) as running:
        yield running


@pytest.fixture
async def second() -> AsyncIterator[Upstream]:
    async with Upstream(whole("from the second")) as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def alone(first: Upstream, time: Time) -> AsyncIterator[Pool]:
    """A pool of one."""
    pool = pool_of(member("first", first), time=time)
    yield pool
    await pool.close()


@pytest.fixture
async def pair(first: Upstream, second: Upstream, time: Time) -> AsyncIterator[Pool]:
    """The second is asked when the first cannot be."""
    pool = pool_of(member("first", first), member("second", second, priority=2), time=time)
    yield pool
    await pool.close()
