"""A refusal ends as an error that tells the user what to do, how long to wait, and no key."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat.providers import failures, waiting
from tests.providers.conftest import KEY
from tests.providers.reading import hear
from tests.upstream_script import Endlessly, Script, as_json, html, refusal

REFUSALS: dict[str, tuple[Script, str, str]] = {
    "401": (refusal(401, f"Incorrect API key provided: {KEY}"), "upstream_auth", "OPENAI_API_KEY"),
    "402": (refusal(402, "no balance"), "upstream_auth", "paid"),
    "403": (refusal(403, "no"), "upstream_auth", "operator"),
    "404 for the model": (
        refusal(404, "The model `x` does not exist", "model_not_found"),
        "model_not_found",
        "Choose another model",
    ),
    "404 for the path": (html(status=404), "model_not_found", "OPENAI_BASE_URL"),
    "400": (refusal(400, "temperature is too hot"), "invalid_prompt", "temperature is too hot"),
    "422 of FastAPI": (
        as_json({"detail": "no such field"}, 422),
        "invalid_prompt",
        "no such field",
    ),
    "400 in plain text": (
        Script([b"no model is loaded"], status=400, content_type="text/plain"),
        "invalid_prompt",
        "no model is loaded",
    ),
    "400 for the model": (
        as_json({"object": "error", "message": "Invalid model: x", "code": "1500"}, 400),
        "model_not_found",
        "Invalid model: x",
    ),
    "400 for the key": (refusal(400, "Incorrect API key provided"), "upstream_auth", "operator"),
    "Gemini's list": (
        as_json([{"error": {"code": 400, "message": "API key not valid."}}], 400),
        "upstream_auth",
        "operator",
    ),
    "too long, by code": (
        refusal(400, "This is too much", "context_length_exceeded"),
        "context_length_exceeded",
        "shorten",
    ),
    "too long, by words": (
        refusal(400, "This model's maximum context length is 8192 tokens."),
        "context_length_exceeded",
        "8192",
    ),
    "too long, for llama.cpp": (
        as_json({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}, 400),
        "context_length_exceeded",
        "shorten",
    ),
    "413": (html(status=413), "invalid_prompt", "Change the prompt"),
    "429": (refusal(429, "slow down", retry_after="11"), "rate_limit_exceeded", "again in 11s"),
    "429 in words": (
        refusal(429, "Please try again in 1.2s."),
        "rate_limit_exceeded",
        "again in 2s",
    ),
    "429 without a wait": (refusal(429), "rate_limit_exceeded", "again in a moment"),
    "429 for the quota": (
        refusal(429, "You exceeded your quota", "insufficient_quota"),
        "rate_limit_exceeded",
        "billing",
    ),
    "500": (refusal(500, "oops"), "server_error", "Try again"),
    "500 that is a page": (html(status=502), "server_error", "Try again"),
    "503": (refusal(503, "loading", retry_after="3"), "server_error", "loading"),
    "504": (html(status=504), "upstream_timeout", "Try again"),
    "a redirect": (
        Script([], status=302, headers={"location": "http://127.0.0.1:1/v1"}),
        "upstream_protocol",
        "OPENAI_BASE_URL",
    ),
    "error as a string": (as_json({"error": "model 'x' not found"}, 404), "model_not_found", "x"),
    "a body that never ends": (
        Script([Endlessly(b"x" * 5000, 0)], status=400),
        "invalid_prompt",
        "Change",
    ),
}


@pytest.mark.parametrize(("script", "code", "says"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_says_what_to_do(script, code, says, upstream, provider):
    upstream.script = script
    error = (await hear(provider)).error
    assert error is not None
    assert (error.code, error.status) == (code, script.status)
    assert says in error.message
    assert KEY not in error.message
    await upstream.quiet()


async def test_only_what_may_go_better_next_time_is_retriable(upstream, provider):
    retriable = []
    for status in (400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504):
        upstream.script = refusal(status)
        error = (await hear(provider)).error
        assert error is not None
        if error.retriable:
            retriable.append(status)
    assert retriable == [408, 429, 500, 502, 503, 504]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "11"}, 11),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-4"}, None),
        ({}, None),
    ],
)
async def test_the_wait_is_read_from_every_spelling(headers, seconds, upstream, provider):
    upstream.script = refusal(429, "slow down", **headers)
    error = (await hear(provider)).error
    assert error is not None
    assert error.retry_after == seconds


async def test_the_wait_may_be_a_date(upstream, provider):
    when = datetime.now(UTC) + timedelta(seconds=90)
    upstream.script = refusal(429, "slow down", retry_after=format_datetime(when, usegmt=True))
    error = (await hear(provider)).error
    assert error is not None
    assert error.retry_after == pytest.approx(90, abs=3)
    assert "again in 1m" in error.message


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1s"), (10.2, "11s"), (59.5, "1m 0s"), (90, "1m 30s"), (3599.9, "1h 0m"), (4000, "1h 7m")],
)
def test_a_wait_is_said_in_short_and_never_too_short(seconds, words):
    assert waiting.in_short(seconds) == words


async def test_upstreams_own_words_are_quoted_in_short_without_keys(upstream, provider):
    secrets = "sk-proj-abcdefghijk gsk_abcdefghijk Bearer abc.def AIzaSyabcdefghijklm"
    upstream.script = refusal(400, f"bad\x00 {KEY} {secrets} " + "long " * 400)
    error = (await hear(provider)).error
    assert error is not None
    assert len(error.message) < failures.MAX_QUOTED_CHARS + 200
    assert "\x00" not in error.message
    for secret in (KEY, *secrets.replace("Bearer ", "").split()):
        assert secret not in error.message


async def test_a_key_of_no_known_shape_is_not_quoted_either(upstream, provider_with):
    upstream.script = refusal(400, "the key hunter2hunter2 is odd")
    error = (await hear(provider_with(api_key="hunter2hunter2"))).error
    assert error is not None
    assert "hunter2" not in error.message
