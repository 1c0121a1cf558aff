"""Whatever fails upstream ends as an error that tells the user what to do, with the text kept."""

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat.providers import failures, waiting
from chat.providers.base import Limits
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.gate import Gate
from tests.providers.conftest import KEY
from tests.providers.reading import hear
from tests.upstream_script import (
    CUT,
    HANG,
    RESET,
    Endlessly,
    Script,
    chunk,
    delta,
    done,
    event,
    finish,
    refusal,
    usage,
)

HTML = b"<!doctype html>\n<html><body><h1>Welcome</h1>\n</body></html>\n"


def html(*pieces: bytes, status: int = 200, content_type: str = "text/html") -> Script:
    return Script(pieces or [HTML], status=status, content_type=content_type)


def body(content: object, status: int) -> Script:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Script([data], status=status, content_type="application/json")


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
    "422 of FastAPI": (body({"detail": "no such field"}, 422), "invalid_prompt", "no such field"),
    "400 in plain text": (
        Script([b"no model is loaded"], status=400, content_type="text/plain"),
        "invalid_prompt",
        "no model is loaded",
    ),
    "400 for the model": (
        body({"object": "error", "message": "Invalid model: x", "code": "1500"}, 400),
        "model_not_found",
        "Invalid model: x",
    ),
    "400 for the key": (refusal(400, "Incorrect API key provided"), "upstream_auth", "operator"),
    "Gemini's list": (
        body([{"error": {"code": 400, "message": "API key not valid."}}], 400),
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
        body({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}, 400),
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
    "error as a string": (body({"error": "model 'x' not found"}, 404), "model_not_found", "x"),
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


REPORTS = {
    "an error object": ({"error": {"message": "boom", "type": "server_error"}}, "server_error"),
    "an error string": ({"error": "boom"}, "server_error"),
    "an error with a status": ({"error": {"message": "boom", "code": 429}}, "rate_limit_exceeded"),
    "a rate limit": (
        {"error": {"message": "boom", "code": "rate_limit_exceeded"}},
        "rate_limit_exceeded",
    ),
    "a context too long": (
        {"error": {"message": "boom", "code": "context_length_exceeded"}},
        "context_length_exceeded",
    ),
    "a bad request": (
        {"error": {"message": "boom", "type": "invalid_request_error"}},
        "invalid_prompt",
    ),
    "a bare error": ({"object": "error", "message": "boom", "code": 500}, "server_error"),
    "an error with choices": (
        {"error": {"message": "boom", "code": 502}, "choices": [{"delta": {"content": ""}}]},
        "server_error",
    ),
}


@pytest.mark.parametrize(("report", "code"), REPORTS.values(), ids=REPORTS.keys())
async def test_an_error_in_mid_stream_keeps_what_was_said(report, code, upstream, provider):
    upstream.script = Script([chunk("a") + event(report) + chunk("never"), HANG])
    heard = await hear(provider)
    assert heard.text == "a"
    assert heard.error is not None
    assert heard.error.code == code
    await (await upstream.request()).closed()


async def test_a_finish_that_is_a_failure_fails(upstream, provider):
    upstream.script = Script([chunk("a"), delta("error"), done()])
    heard = await hear(provider)
    assert (heard.text, heard.error and heard.error.code) == ("a", "server_error")


BROKEN: dict[str, tuple[list[object], str]] = {
    "cut": ([chunk("a"), CUT], "upstream_cut"),
    "reset": ([chunk("a"), Gate, RESET], "upstream_cut"),
    "ended without a finish": ([chunk("a")], "upstream_cut"),
    "cut in mid line": ([chunk("a"), chunk("b")[:20], CUT], "upstream_cut"),
    "ended in mid line": ([chunk("a"), chunk("b")[:20]], "upstream_cut"),
    "bad JSON": ([chunk("a"), event(b'{"choices":[}'), HANG], "upstream_protocol"),
    "not an object": ([chunk("a"), event(b"5"), HANG], "upstream_protocol"),
    "endless nesting": ([chunk("a"), event(b'{"x":' + b"[" * 99999), HANG], "upstream_protocol"),
}


@pytest.mark.parametrize(("pieces", "code"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_stream_that_breaks_keeps_what_was_said(pieces, code, upstream, provider):
    # A reset overtakes what was not read yet, so it waits until it was.
    read = Gate()
    upstream.script = Script([read if piece is Gate else piece for piece in pieces])
    heard = await hear(provider, on_batch=read.open)
    assert heard.error is not None
    assert (heard.text, heard.error.code) == ("a", code)


NEVER_AN_ANSWER: dict[str, tuple[Script, str]] = {
    "a page": (html(), "upstream_protocol"),
    "a page on one line": (html(b"<html>no line ends here</html>"), "upstream_protocol"),
    "a page that says it is a stream": (
        html(content_type="text/event-stream"),
        "upstream_protocol",
    ),
    "a page that never ends": (html(Endlessly(b"<p>\n" * 30, 0)), "upstream_protocol"),
    "other JSON": (body({"hello": "world"}, 200), "upstream_protocol"),
    "broken JSON": (body(b"{", 200), "upstream_protocol"),
    "an error as JSON": (body({"error": {"message": "x", "code": 503}}, 200), "server_error"),
    "an empty body": (Script([]), "upstream_cut"),
    "nothing at all": (Script(before_head=[CUT]), "upstream_cut"),
    "a reset before the headers": (Script(before_head=[RESET]), "upstream_cut"),
    "half the headers": (Script([b"HTTP/1.1 200 OK\r\ncontent-", CUT], raw=True), "upstream_cut"),
    "another protocol": (Script([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], raw=True), "upstream_protocol"),
    "bad chunk sizes": (
        Script([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nx\r\n"], raw=True),
        "upstream_protocol",
    ),
}


@pytest.mark.parametrize(("script", "code"), NEVER_AN_ANSWER.values(), ids=NEVER_AN_ANSWER.keys())
async def test_what_never_was_an_answer_fails(script, code, upstream, provider):
    upstream.script = script
    heard = await hear(provider)
    assert heard.text == ""
    assert heard.error is not None
    assert heard.error.code == code


async def test_what_breaks_after_the_finish_takes_nothing_away(upstream, provider):
    for accident in (CUT, RESET):
        upstream.script = Script([chunk("a") + usage() + finish(), accident])
        heard = await hear(provider)
        assert (heard.text, heard.finish, heard.error) == ("a", "stop", None)
        assert heard.usage is not None


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
    upstream.scripts["/v1/models"] = body([{"id": "x"}, {"id": None}, 5], 200)
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
