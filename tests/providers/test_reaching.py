"""Reaching upstream: where nobody answers, what cannot be sent, its models, and the key."""

import socket

import pytest

from chat.providers import failures
from chat.providers.base import Limits
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.providers.conftest import KEY
from tests.providers.reading import hear
from tests.upstream_script import CUT, Script, as_json, html, refusal


async def test_a_closed_port_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    provider = ChatCompletionsProvider(base_url=f"http://127.0.0.1:{port}/v1")
    error = (await hear(provider)).error
    assert error is not None
    assert (error.code, error.retriable) == ("upstream_unreachable", True)
    assert "refuses connections" in error.message
    with pytest.raises(failures.ProviderError, match="refuses connections"):
        await provider.models()
    await provider.close()


async def test_a_name_that_nobody_knows_is_unreachable():
    provider = ChatCompletionsProvider(base_url="http://nowhere.invalid/v1")
    error = (await hear(provider)).error
    assert error is not None
    assert error.code == "upstream_unreachable"
    await provider.close()


async def test_an_upstream_that_speaks_no_tls_is_unreachable(upstream):
    provider = ChatCompletionsProvider(
        base_url=upstream.base_url.replace("http:", "https:"), limits=Limits(connect_seconds=0.3)
    )
    error = (await hear(provider)).error
    assert error is not None
    assert error.code == "upstream_unreachable"
    await provider.close()


async def test_a_prompt_that_cannot_be_sent_is_the_prompts_fault(upstream, provider):
    error = (await hear(provider, "lone \ud800 surrogate")).error
    assert error is not None
    assert error.code == "invalid_prompt"


async def test_models_are_listed_in_upstreams_order(upstream, provider):
    upstream.models = ["b", "a", "c"]
    assert await provider.models() == ["b", "a", "c"]
    upstream.scripts["/v1/models"] = as_json([{"id": "x"}, {"id": None}, 5], 200)
    assert await provider.models() == ["x"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (refusal(401), "upstream_auth"),
        (refusal(500), "server_error"),
        (html(), "upstream_protocol"),
        (Script(before_head=[CUT]), "upstream_cut"),
    ],
)
async def test_models_that_cannot_be_listed_say_why(script, code, upstream, provider):
    upstream.scripts["/v1/models"] = script
    with pytest.raises(failures.ProviderError) as raised:
        await provider.models()
    assert raised.value.code == code


async def test_the_key_goes_out_as_a_bearer_and_no_key_as_nothing(upstream, provider_with):
    await hear(provider_with())
    await hear(provider_with(api_key=""))
    first, second = upstream.requests
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in second.headers
    assert first.headers["accept-encoding"] == "identity"
