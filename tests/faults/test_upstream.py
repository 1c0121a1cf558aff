"""Upstream breaks off, is silent, talks nonsense or never stops: each answer ends and says why."""

from collections.abc import Iterator

import psutil
import pytest

from tests.faults.answers import in_turn
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.gate import Gate
from tests.service import Account
from tests.upstream import Upstream
from tests.upstream_script import (
    CUT,
    HANG,
    RESET,
    Endlessly,
    Script,
    Step,
    chunk,
    event,
    finish,
    ping,
    refusal,
    usage,
    whole,
)  # fmt: skip
from tests.wire.lines import Model

SETTINGS = {
    "CHAT_SILENCE_SECONDS": "1",
    "CHAT_FIRST_DELTA_SECONDS": "2",
    "CHAT_ANSWER_CHARS": "20000",
    "CHAT_MODELS": "test-model,other-model,third-model",
}
MAX_PEAK_BYTES = 250 * 1024 * 1024
MOST_TRIES = 10
HTML = b"<!doctype html><html><body>Gateway error, sorry.</body></html>"

# What comes behind "One two ", and whether the answer is whole by then.
AFTER_SOME_WORDS: dict[str, list[Step]] = {
    "a reset": [RESET],
    "a cut": [CUT],
    "half of the last event": [chunk("three")[:40], CUT],
    "an end without a finish": [],
    "no JSON": [event(b"{broken"), HANG],
    "no UTF-8": [event(b'{"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}'), HANG],
    "silence": [HANG],
    "pings without an end": [Endlessly(ping())],
    "a line without an end": [b'data: {"choices":"', Endlessly(b"x" * 65_536, 0.0)],
    "an answer without an end": [Endlessly(chunk("word " * 20), 0.001)],
    "an error": [event({"error": {"message": "overheated", "type": "server_error"}})],
}
BEFORE_A_WORD: dict[str, Script] = {
    "a reset": Script(before_head=[RESET]),
    "silence": Script(before_head=[HANG]),
    "HTML with status 200": Script([HTML], content_type="text/html"),
    "HTML with status 502": Script([HTML], status=502, content_type="text/html"),
    "pings without an end": Script([Endlessly(ping())]),
}


@pytest.fixture(scope="module")
def service(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """One process with low limits."""
    cluster = Cluster(upstream, redis, SETTINGS)
    with cluster.running(webs=["uvicorn"], workers=0):
        yield cluster


@pytest.fixture
def page(service: Cluster, account: Account, conversation: str) -> Page:
    return Page(account, service.doors, conversation)


@pytest.mark.parametrize("failure", AFTER_SOME_WORDS)
async def test_what_was_said_before_a_failure_is_kept_and_the_failure_is_named(
    page: Page, model: Model, upstream: Upstream, failure: str
):
    gate = Gate()  # A reset takes with it what was not read yet.
    script = Script([chunk("One "), chunk("two "), gate, *AFTER_SOME_WORDS[failure]])
    async with page:
        response_id = await page.asked(model.answers(script))
        await page.reads(response_id, "One two ")
        gate.open()
        ended = await page.end(response_id)
        assert ended["status"] == "incomplete"
        assert ended["incomplete_details"]["reason"]
        assert ended["error"] is None or ended["error"]["message"]
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize("failure", BEFORE_A_WORD)
async def test_a_failure_before_a_word_is_named(
    page: Page, model: Model, upstream: Upstream, failure: str
):
    async with page:
        response_id = await page.asked(model.answers(BEFORE_A_WORD[failure]))
        ended = await page.end(response_id)
        assert ended["status"] == "failed"
        assert ended["error"]["code"] and ended["error"]["message"]
        await judge(upstream, page.conversation_id, [page], most_asked=MOST_TRIES)


async def test_an_answer_without_the_last_word_of_the_protocol_is_whole(
    page: Page, model: Model, upstream: Upstream
):
    script = Script([chunk("One "), chunk("two"), finish(), usage()])
    async with page:
        await page.completes(await page.asked(model.answers(script)))
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize(("seconds", "name"), [("1", "other-model"), ("200", "third-model")])
async def test_too_many_requests_end_well_or_with_the_wait(
    page: Page, model: Model, upstream: Upstream, seconds: str, name: str
):
    refused = refusal(429, "slow down", retry_after=seconds)
    prompt = model.answers(in_turn(refused, whole("One ", "two")))
    async with page:
        ended = await page.end(await page.asked(prompt, model=name))
        if ended["status"] == "failed":
            assert ended["error"]["code"] == "rate_limit_exceeded"
            assert "try again in" in ended["error"]["message"]
        else:
            assert ended["status"] == "completed"
        await judge(upstream, page.conversation_id, [page], most_asked=MOST_TRIES)


async def test_none_of_that_took_much_memory(service: Cluster):
    assert peak_bytes(service.webs[0].pid) <= MAX_PEAK_BYTES
    assert psutil.Process(service.webs[0].pid).num_fds() < 100


def peak_bytes(pid: int) -> int:
    """The most memory that the process ever held."""
    with open(f"/proc/{pid}/status") as status:
        (line,) = (each for each in status if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
