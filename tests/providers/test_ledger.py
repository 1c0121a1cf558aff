"""What a pool remembers: the same of one process and, through Redis, of several."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from redis import Redis

from chat.providers.breaker import PROBE_SECONDS, Rules
from chat.providers.ledger import (
    BUSY_SECONDS,
    Claim,
    Ledger,
    LocalLedger,
    NoRoom,
    Outcome,
    Verdict,
    Why,
)
from chat.providers.ledger_script import PLACE_SECONDS
from chat.providers.members import Candidate
from chat.providers.shared_ledger import SharedLedger
from tests.infra.services import free_port, redis_server

NOW = 1_790_000_000.25
RULES = Rules(failures=2, window_seconds=30, open_seconds=20)
FAILED = Verdict(outcome=Outcome.FAILED)
WELL = Verdict()
ONE, OTHER = Candidate("one", "one/key", "model"), Candidate("other", "other/key", "model")


@pytest.fixture(scope="module")
def redis_port() -> Iterator[int]:
    with redis_server() as port:
        yield port


@pytest.fixture
def prefix() -> str:
    """What another test left in Redis is none of this one's."""
    return f"test:{uuid4().hex}:"


def shared_by(port: int, prefix: str, ask_seconds: float = 10.0) -> SharedLedger:
    return SharedLedger(
        f"redis://127.0.0.1:{port}",
        RULES,
        lambda: NOW,
        prefix=prefix,
        ask_seconds=ask_seconds,
    )


@pytest.fixture(params=["local", "shared"])
async def ledger(request, prefix) -> AsyncIterator[Ledger]:
    if request.param == "local":
        yield LocalLedger(RULES)
        return
    port = request.getfixturevalue("redis_port")
    shared = shared_by(port, prefix)
    yield shared
    assert shared.is_shared, "Redis was lost on the way"
    await shared.close()


@pytest.fixture
async def two(redis_port, prefix) -> AsyncIterator[list[SharedLedger]]:
    """The ledgers of two processes."""
    ledgers = [shared_by(redis_port, prefix) for _ in range(2)]
    yield ledgers
    for each in ledgers:
        assert each.is_shared, "Redis was lost on the way"
        await each.close()


async def claimed(ledger: Ledger, *candidates: Candidate, now: float = NOW) -> Claim:
    found = await ledger.claim(candidates, uuid4().hex, now, resting=True)
    assert isinstance(found, Claim)
    return found


async def refused(
    ledger: Ledger, *candidates: Candidate, now: float = NOW, resting: bool = True
) -> NoRoom:
    found = await ledger.claim(candidates, uuid4().hex, now, resting=resting)
    assert isinstance(found, NoRoom)
    return NoRoom(pytest.approx(found.seconds, abs=1e-3), found.why)


async def after(ledger: Ledger, verdict: Verdict, now: float = NOW) -> bool:
    return await ledger.settle(await claimed(ledger, ONE, now=now), verdict, now)


async def test_the_first_candidate_is_claimed(ledger):
    claim = await claimed(ledger, ONE, OTHER)
    assert (claim.candidate, claim.is_probe) == (ONE, False)


async def test_a_limited_key_is_not_asked_for_that_model_until_its_time(ledger):
    await after(ledger, Verdict(limited_seconds=30))
    assert (await claimed(ledger, ONE, OTHER)).candidate == OTHER
    assert await refused(ledger, ONE, now=NOW + 10) == NoRoom(20.0, Why.LIMITED)
    assert await claimed(ledger, Candidate("one", "one/key", "another model"))
    assert await claimed(ledger, ONE, now=NOW + 30)


@pytest.mark.parametrize("verdict", [Verdict(key_seconds=10), Verdict(member_seconds=10)])
async def test_who_rests_is_asked_only_if_nobody_else_can_be(ledger, verdict):
    await after(ledger, verdict)
    assert (await claimed(ledger, ONE, OTHER)).candidate == OTHER
    assert (await refused(ledger, ONE, resting=False)) == NoRoom(0.0, Why.RESTING)
    assert (await claimed(ledger, ONE)).candidate == ONE
    assert (await claimed(ledger, ONE, OTHER, now=NOW + 10)).candidate == ONE


async def test_a_member_that_answers_rests_no_longer(ledger):
    await after(ledger, Verdict(member_seconds=10))
    await after(ledger, WELL)
    assert (await claimed(ledger, ONE, OTHER)).candidate == ONE


async def test_places_are_taken_and_given_back(ledger):
    narrow = Candidate("one", "one/key", "model", max_concurrent=2)
    running = [await claimed(ledger, narrow) for _ in range(2)]
    assert await refused(ledger, narrow) == NoRoom(BUSY_SECONDS, Why.BUSY)
    await ledger.settle(running[0], WELL, NOW, release=False)
    assert await refused(ledger, narrow) == NoRoom(BUSY_SECONDS, Why.BUSY)
    await ledger.settle(running[0], WELL, NOW)
    assert await claimed(ledger, narrow)


async def test_a_minute_holds_so_many_requests(ledger):
    rare = Candidate("one", "one/key", "model", requests_per_minute=2)
    for seconds in (0, 20):
        await ledger.settle(await claimed(ledger, rare, now=NOW + seconds), WELL, NOW + seconds)
    assert await refused(ledger, rare, now=NOW + 30) == NoRoom(30.0, Why.LIMITED)
    assert await claimed(ledger, rare, now=NOW + 60)
    assert await refused(ledger, rare, now=NOW + 60) == NoRoom(20.0, Why.LIMITED)


async def test_the_soonest_of_several_is_named(ledger):
    await after(ledger, Verdict(limited_seconds=30))
    narrow = Candidate("other", "other/key", "model", max_concurrent=1)
    await claimed(ledger, narrow)
    assert await refused(ledger, ONE, narrow) == NoRoom(BUSY_SECONDS, Why.BUSY)


async def test_failures_in_a_row_open_the_circuit(ledger):
    assert not await after(ledger, FAILED)
    assert await after(ledger, FAILED)
    assert await refused(ledger, ONE, now=NOW + 5) == NoRoom(15.0, Why.OPEN)


async def test_an_answer_between_failures_keeps_it_closed(ledger):
    for verdict in (FAILED, WELL, FAILED):
        assert not await after(ledger, verdict)
    assert await claimed(ledger, ONE)


async def test_failures_far_apart_keep_it_closed(ledger):
    await after(ledger, FAILED)
    assert not await after(ledger, FAILED, NOW + 31)


async def test_of_those_that_were_on_their_way_none_opens_or_closes_it_again(ledger):
    on_their_way = [await claimed(ledger, ONE) for _ in range(4)]
    opened = [await ledger.settle(each, FAILED, NOW + 1) for each in on_their_way[:3]]
    assert opened == [False, True, False]
    await ledger.settle(on_their_way[3], WELL, NOW + 2)
    assert await refused(ledger, ONE, now=NOW + 2) == NoRoom(19.0, Why.OPEN)


@pytest.mark.parametrize(
    ("verdict", "opens"), [(WELL, False), (FAILED, True)], ids=["answers", "fails"]
)
async def test_one_probe_decides(ledger, verdict, opens):
    await after(ledger, FAILED)
    await after(ledger, FAILED)
    then = NOW + 20
    probe = await claimed(ledger, ONE, now=then)
    assert probe.is_probe
    assert await refused(ledger, ONE, now=then) == NoRoom(PROBE_SECONDS, Why.OPEN)
    assert await ledger.settle(probe, verdict, then) is opens
    if opens:
        assert await refused(ledger, ONE, now=then) == NoRoom(20.0, Why.OPEN)
    else:
        assert not (await claimed(ledger, ONE, now=then)).is_probe


async def test_a_probe_that_was_stopped_leaves_its_turn_to_another(ledger):
    await after(ledger, FAILED)
    await after(ledger, FAILED)
    probe = await claimed(ledger, ONE, now=NOW + 20)
    await ledger.settle(probe, Verdict(outcome=Outcome.UNKNOWN), NOW + 20)
    assert (await claimed(ledger, ONE, now=NOW + 20)).is_probe


# --- several processes


async def test_what_one_process_learns_the_other_knows(two):
    here, there = two
    await after(here, Verdict(limited_seconds=30))
    assert await refused(there, ONE) == NoRoom(30.0, Why.LIMITED)


async def test_a_circuit_is_counted_and_probed_together(two):
    here, there = two
    await after(here, FAILED)
    assert await after(there, FAILED)
    assert (await claimed(here, ONE, now=NOW + 20)).is_probe
    assert (await refused(there, ONE, now=NOW + 20)).why is Why.OPEN


async def test_processes_share_places_and_never_take_one_too_many(two):
    narrow = Candidate("one", "one/key", "model", max_concurrent=3)
    found = await asyncio.gather(
        *(two[n % 2].claim([narrow], uuid4().hex, NOW, resting=True) for n in range(12))
    )
    assert sum(isinstance(each, Claim) for each in found) == 3


async def test_the_places_of_a_process_that_died_come_free(two):
    dead, alive = two
    narrow = Candidate("one", "one/key", "model", max_concurrent=1)
    await claimed(dead, narrow)
    just_before = NOW + PLACE_SECONDS - 1
    assert (await refused(alive, narrow, now=just_before)).why is Why.BUSY
    assert await claimed(alive, narrow, now=NOW + PLACE_SECONDS)


async def test_places_that_are_held_are_renewed_and_said_again_to_a_redis_that_forgot(
    two, redis_port
):
    here, there = two
    narrow = Candidate("one", "one/key", "model", max_concurrent=1)
    await claimed(here, narrow)
    with Redis(port=redis_port) as redis:
        redis.flushall()
    await here.renew_places()
    assert (await refused(there, narrow)).why is Why.BUSY


async def test_no_key_stands_in_redis(two, redis_port, prefix):
    await after(two[0], Verdict(limited_seconds=30, key_seconds=30, member_seconds=30))
    with Redis(port=redis_port) as redis:
        names = {name.decode().removeprefix(prefix) for name in redis.scan_iter(f"{prefix}*")}
        assert names == {"key:one/key", "member:one"}
        assert all(redis.ttl(prefix + name) > 0 for name in names), "nothing stays for ever"


# --- without Redis


async def test_without_redis_each_process_goes_by_what_it_knows(prefix):
    ledger = shared_by(free_port(), prefix)
    await after(ledger, Verdict(limited_seconds=30))
    assert not ledger.is_shared
    assert await refused(ledger, ONE) == NoRoom(30.0, Why.LIMITED)
    await ledger.close()


async def test_a_redis_that_does_not_answer_is_waited_for_once(prefix):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        ledger = shared_by(port, prefix, ask_seconds=0.1)
        for _ in range(5):
            await after(ledger, WELL)
        await ledger.close()
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


async def test_what_was_known_together_is_known_alone_when_redis_goes(prefix):
    with redis_server() as port:
        ledger = shared_by(port, prefix)
        narrow = Candidate("one", "one/key", "model", max_concurrent=1)
        held = await claimed(ledger, narrow)
        assert ledger.is_shared
    assert (await refused(ledger, narrow)).why is Why.BUSY
    assert not ledger.is_shared
    await ledger.settle(held, WELL, NOW)
    assert await claimed(ledger, narrow)
    await ledger.close()
