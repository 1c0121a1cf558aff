"""Every failure of the upstream is a response that failed, or an incomplete one with its text."""

import pytest

from tests.gate import Gate
from tests.upstream_script import CUT, RESET, Script, Step, chunk, event, refusal, think
from tests.wire.lines import said, texts

HTML = b"<!doctype html><html><body>Gateway error, sorry.</body></html>"

NOTHING_SAID: dict[str, tuple[Script, str, str]] = {
    "a bad key": (refusal(401, "Incorrect API key provided: sk-secret"), "upstream_auth", "key"),
    "a model that is gone": (refusal(404, "no such model"), "model_not_found", "another model"),
    "too many requests": (
        refusal(429, "slow down", retry_after="17"), "rate_limit_exceeded", "in 17s"
    ),
    "a failure": (refusal(500), "server_error", "Try again"),
    "an overload": (refusal(503), "server_error", "Try again"),
    "a refused prompt": (refusal(400, "too strange"), "invalid_prompt", "too strange"),
    "HTML with status 200": (
        Script([HTML], content_type="text/html"), "upstream_protocol", "OPENAI_BASE_URL"
    ),
    "HTML with status 502": (Script([HTML], status=502, content_type="text/html"),
                             "server_error", "Try again"),
    "a cut before the answer": (Script(before_head=[CUT]), "upstream_cut", "again"),
    "a reset before the answer": (Script(before_head=[RESET]), "upstream_cut", "again"),
    "a cut before the first word": (Script([CUT]), "upstream_cut", "again"),
    "an error in the stream": (
        Script([event({"error": {"message": "overheated", "type": "server_error"}})]),
        "server_error", "overheated",
    ),
}  # fmt: skip
SOMETHING_SAID: dict[str, tuple[list[Step], str]] = {
    "a cut": ([CUT], "upstream_cut"),
    "a reset": ([RESET], "upstream_cut"),
    "an end without a word of it": ([], "upstream_cut"),
    "an error": (
        [event({"error": {"message": "overheated", "type": "server_error"}})], "server_error"
    ),
    "no JSON": ([event(b"{broken")], "upstream_protocol"),
}  # fmt: skip


# A key that has too many requests is not asked for that model again before its time.
LIMITED = {"model": "limited-model"}


def asked_with(failure: str) -> dict[str, str]:
    return LIMITED if failure == "too many requests" else {}


@pytest.mark.parametrize("failure", NOTHING_SAID)
async def test_what_fails_before_a_word_failed(chat, model, failure):
    script, code, words = NOTHING_SAID[failure]
    response_id = await chat.prompt(model.answers(script), **asked_with(failure))
    response = await chat.end(response_id)
    assert (response["status"], response["output"]) == ("failed", [])
    assert response["error"]["code"] == code
    assert words in response["error"]["message"]
    assert "sk-secret" not in str(response)
    assert response["incomplete_details"] is None
    assert response["usage"]["estimated"] is True
    assert chat.kinds(response_id) == [
        "response.created", "response.in_progress", "response.failed",
    ]  # fmt: skip


@pytest.mark.parametrize("failure", SOMETHING_SAID)
async def test_what_fails_in_the_middle_is_incomplete_and_keeps_its_text(chat, model, failure):
    rest, code = SOMETHING_SAID[failure]
    gate = Gate()  # A reset takes with it what was not read yet.
    script = Script([chunk("One "), chunk("two "), gate, *rest])
    response_id = await chat.prompt(model.answers(script))
    await chat.shown(response_id, "One two ")
    gate.open()
    response = await chat.end(response_id)
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete", {"reason": "upstream_failed"},
    )  # fmt: skip
    assert response["error"]["code"] == code
    assert response["error"]["message"]
    assert texts(response) == chat.text_of(response_id) == "One two "
    assert [each["status"] for each in response["output"]] == ["incomplete"]


async def test_what_fails_while_it_thinks_keeps_its_thoughts(chat, model):
    response = await chat.answer(model.answers(Script([think("Hm."), CUT])))
    assert response["status"] == "incomplete"
    assert [each["summary"][0]["text"] for each in response["output"]] == ["Hm."]


async def test_a_failure_is_kept_and_shown_to_who_comes_later(chat, model):
    script = refusal(429, "slow", retry_after="17")
    response = await chat.answer(model.answers(script), **LIMITED)
    snapshot = await chat.follow(response["conversation"]["id"])
    shown = snapshot["responses"][0]
    assert (shown["status"], shown["error"]) == ("failed", response["error"])


async def test_a_failed_response_may_be_tried_again_and_continued(chat, model):
    root, last = model.says("One."), model.says("Two.")
    first = await chat.answer(root)
    failed = await chat.answer(model.answers(refusal(500)), previous_response_id=first["id"])
    again = await chat.answer(last, previous_response_id=first["id"])
    assert said(await model.asked(last)) == [("user", root), ("assistant", "One."), ("user", last)]
    assert again["conversation"] == failed["conversation"]


async def test_a_failure_of_one_response_leaves_others_alone(chat, model, served, account):
    gate = Gate()
    running = await chat.prompt(model.says("One ", "two", gate=gate))
    await chat.shown(running, "One ")
    async with served.connect(account) as connection:
        other = type(chat)(connection)
        for failure, (script, _, _) in NOTHING_SAID.items():
            failed = await other.answer(model.answers(script), **asked_with(failure))
            assert failed["status"] == "failed"
    gate.open()
    assert texts(await chat.end(running)) == "One two"
