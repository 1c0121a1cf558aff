"""What breaks in mid-answer, or never was one, ends as an error, with the text kept."""

import pytest

from tests.gate import Gate
from tests.providers.reading import hear
from tests.upstream_script import (
    CUT,
    HANG,
    RESET,
    Endlessly,
    Script,
    as_json,
    chunk,
    delta,
    done,
    event,
    finish,
    html,
    usage,
)

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
    "other JSON": (as_json({"hello": "world"}, 200), "upstream_protocol"),
    "broken JSON": (as_json(b"{", 200), "upstream_protocol"),
    "an error as JSON": (as_json({"error": {"message": "x", "code": 503}}, 200), "server_error"),
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
