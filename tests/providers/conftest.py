from collections.abc import AsyncIterator, Callable

import pytest

from chat.providers.base import Limits
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.upstream import Upstream

KEY = "sk-operators-secret-key"
MakeProvider = Callable[..., ChatCompletionsProvider]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
async def provider_with(upstream: Upstream) -> AsyncIterator[MakeProvider]:
    """Makes providers of the upstream, with limits of their own; closes them."""
    made: list[ChatCompletionsProvider] = []

    def make(api_key: str = KEY, **limits: float) -> ChatCompletionsProvider:
        provider = ChatCompletionsProvider(
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
def provider(provider_with: MakeProvider) -> ChatCompletionsProvider:
    return provider_with()
