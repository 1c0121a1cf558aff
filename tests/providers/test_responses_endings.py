"""How an answer of the Responses API ends, well or not, and what it tells beside its items."""

import json

import pytest

from chat.protocol.deltas import Finish, Usage
from tests.providers.reading import asking, deltas_of, hear, items_of
from tests.providers.responses_reading import heard, said, thought
from tests.providers.responses_traps import END, SEARCH, joined
from tests.upstream_responses import (
    RESPONSES,
    added,
    call,
    calling,
    chunk,
    completed,
    created,
    ended,
    event,
    incomplete,
    message,
    raw,
    reasoning,
    response,
    usage,
)
from tests.upstream_script import Script, done

pytestmark = pytest.mark.parametrize("speech", [RESPONSES], indirect=True)

ENDINGS = {
    "stop": (chunk("a") + END, "stop"),
    "calls": (joined(*calling("c", "{", "}")) + END, "tool_calls"),
    "length": (chunk("a") + incomplete("max_output_tokens"), "length"),
    "filtered": (chunk("a") + incomplete("content_filter"), "content_filter"),
    "another status than the event's": (
        chunk("a") + completed(status="incomplete", incomplete_details={"reason": "max_tokens"}),
        "length",
    ),
}


@pytest.mark.parametrize(("data", "finish"), ENDINGS.values(), ids=ENDINGS.keys())
def test_why_the_model_stopped(data, finish, speech):
    deltas, answer = heard([data])
    assert (deltas[-1], answer.failure) == (Finish(finish), None)


def test_an_item_that_says_nothing_has_not_begun(speech):
    """Another provider may still answer."""
    opened = added(message("", phase="commentary")) + ended(message("")) + added(SEARCH, 1)
    assert heard([created() + opened])[0] == []


def test_what_was_cut_by_the_limit_is_incomplete(speech):
    half = call("c", '{"a":', status="incomplete")
    (item,) = items_of(heard([added(half) + ended(half) + incomplete("max_output_tokens")])[0])
    assert (item["status"], item["arguments"]) == ("incomplete", '{"a":')


def test_usage_is_counted_with_its_details(speech):
    assert Usage(7, 11, 3, 2) in heard([chunk("a") + END])[0]
    for none in (None, {}, {"input_tokens": None}, "many"):
        assert not [d for d in heard([completed(usage=none)])[0] if isinstance(d, Usage)]


FAILURES = {
    "no terminal event": (chunk("a"), "upstream_cut"),
    "[DONE] without one": (chunk("a") + done(), "upstream_cut"),
    "the last event cut": (chunk("a") + END[:-40], "upstream_cut"),
    "bad JSON": (chunk("a") + raw("{broken"), "upstream_protocol"),
    "no object": (chunk("a") + raw("[1, 2]"), "upstream_protocol"),
    "an error event": (
        chunk("a") + event("error", code="server_error", message="overheated", param=None),
        "server_error",
    ),
    "an error event around an error": (
        chunk("a") + event("error", error={"type": "rate_limit_error", "code": "rate_limit_x"}),
        "rate_limit_exceeded",
    ),
    "an error of a proxy": (chunk("a") + raw('{"error": {"message": "no"}}'), "server_error"),
    "failed": (
        chunk("a") + event("response.failed", response=response(
            "failed", error={"code": "context_length_exceeded", "message": "too long"})),
        "context_length_exceeded",
    ),
    "failed without a word": (
        chunk("a") + event("response.failed", response=response("failed")), "server_error"
    ),
    "cancelled": (
        chunk("a") + event("response.cancelled", response=response("cancelled")), "server_error"
    ),
    "ended for a reason of its own": (chunk("a") + incomplete("steered"), "server_error"),
    "nested without end": (
        chunk("a") + raw('{"type":"response.output_item.done","item":{"type":"dream","a":'
                         + "[" * 5_000 + "]" * 5_000 + "}}"),
        "upstream_protocol",
    ),
    "a number without end": (
        chunk("a") + raw('{"type":"response.output_item.done","item":{"type":"dream","a":'
                         + "7" * 5_000 + "}}"),
        "upstream_protocol",
    ),
    "items without end": (
        chunk("a") + b"".join(added(message(""), index) for index in range(1, 10_001)),
        "answer_too_large",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "code"), FAILURES.values(), ids=FAILURES.keys())
async def test_what_fails_keeps_what_it_said(data, code, upstream, provider):
    upstream.script = Script([data])
    found = await hear(provider)
    assert found.error is not None
    assert (found.text, found.error.code) == ("a", code)


def test_what_waits_for_its_turn_when_it_breaks_off_is_kept(speech):
    data = chunk("a", 0) + chunk("x", 1) + joined(*calling("c", "{}", index=2)) + chunk("y", 3)
    items = items_of(heard([data])[0], "incomplete")
    assert [item["status"] for item in items] == ["incomplete", "incomplete", "completed",
                                                  "incomplete"]  # fmt: skip
    assert [item.get("call_id") or item["content"][0]["text"] for item in items] == [
        "a", "x", "c", "y",
    ]  # fmt: skip


def test_log_probabilities_are_told_if_asked_for(speech):
    given = [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1.5}]}]
    data = chunk("a").replace(b'"logprobs": []', b'"logprobs": ' + json.dumps(given).encode())
    (item,) = items_of(heard([data + chunk("c") + END], logprobs=True)[0])
    assert item["content"][0]["logprobs"] == [
        {
            "token": "a", "logprob": -0.5, "bytes": [97],
            "top_logprobs": [{"token": "b", "logprob": -1.5, "bytes": [98]}],
        }
    ]  # fmt: skip


async def test_a_server_that_does_not_stream_is_understood(upstream, provider):
    whole = response("completed", output=[reasoning("hm"), message("a")], usage=usage())
    body = json.dumps(whole, indent=2).encode()
    upstream.script = Script([body[:40], body[40:]], content_type="application/json")
    deltas = await deltas_of(provider, asking())
    assert items_of(deltas) == [thought("hm"), said("a")]
    assert deltas[-2:] == [Usage(7, 11, 3, 2), Finish("stop")]


async def test_a_web_page_is_no_answer(upstream, provider):
    page = b"<!doctype html>\n<html><body>\n<h1>Welcome</h1>\n</body></html>\n"
    upstream.script = Script([page], content_type="text/html")
    error = (await hear(provider)).error
    assert error is not None
    assert (error.code, "OPENAI_BASE_URL" in error.message) == ("upstream_protocol", True)
