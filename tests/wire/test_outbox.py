"""The way out of a connection that fails. The socket and the log are replaced: these fail."""

import asyncio
import weakref
from typing import Any

import pytest

from chat.protocol.follower import Window
from chat.web.outbox import Failure, Outbox
from chat.web.stream import Stream
from tests.gate import Gate


class Frame(str):
    """Text that can be asked whether anybody still holds it."""

    __slots__ = ("__weakref__",)


class BrokenPool:
    """A fault that nobody thought of, where the log is read."""

    def connection(self) -> Any:
        raise ValueError("no such thing")


class Way:
    """An outbox, what failed of it, and what it sent. `gate`: a send waits for it."""

    def __init__(
        self,
        *,
        gate: Gate | None = None,
        error: Exception | None = None,
        send_seconds: float = 0.01,
    ) -> None:
        self.failures: list[Failure] = []
        self.sent: list[str] = []
        self.failed = asyncio.Event()
        self.is_sending = asyncio.Event()
        self.gate = gate
        self._error = error
        self.outbox = Outbox(
            pool=BrokenPool(),  # type: ignore[arg-type]
            window=Window(max_bytes=100, max_events=100),
            outstanding_bytes=1000,
            send=self._send,
            send_seconds=send_seconds,
            on_end=lambda stream: None,
            on_failure=self._fail,
        )
        self.stream = self.outbox.open(Stream("r", "c"))

    async def _send(self, text: str) -> None:
        self.is_sending.set()
        if self.gate is not None:
            await self.gate.passed()
        if self._error is not None:
            raise self._error
        self.sent.append(text)

    def _fail(self, failure: Failure) -> None:
        self.failures.append(failure)
        self.outbox.say(failure.name)
        self.failed.set()

    def nothing_is_held(self) -> bool:
        """Offer and say something more: whether it is gone at once."""
        frames = [Frame(number) for number in range(3)]
        held = [weakref.ref(frame) for frame in frames]
        self.outbox.say(frames.pop())
        self.outbox.offer(self.stream, self.stream.follower.next_number, frames)
        frames.clear()
        return not any(each() for each in held)


async def test_a_send_that_never_ends_gives_the_connection_up_and_nothing_is_held_for_it():
    way = Way(gate=Gate())
    way.outbox.offer(way.stream, 0, [Frame("one"), Frame("two")])
    await way.failed.wait()
    assert way.failures == [Failure.SLOW]
    assert way.nothing_is_held()


async def test_a_send_that_fails_gives_the_connection_up():
    way = Way(error=RuntimeError("closed"))
    way.outbox.say("one")
    await way.failed.wait()
    assert way.failures == [Failure.GONE]
    assert way.nothing_is_held()


async def test_a_fault_of_our_own_gives_the_connection_up_and_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    way = Way()
    way.outbox.heard_of(way.stream, 7)
    await way.failed.wait()
    assert way.failures == [Failure.FAULT]
    assert "no such thing" in caplog.text
    assert way.nothing_is_held()


async def test_what_waits_too_much_is_thrown_away_and_the_reason_is_said():
    way = Way(gate=Gate(), send_seconds=60)
    way.outbox.offer(way.stream, 0, ["first"])
    await way.is_sending.wait()
    way.outbox.offer(way.stream, 1, ["x" * 600, "x" * 600])
    assert way.failures == []
    way.outbox.offer(way.stream, 3, ["x"])
    assert way.failures == [Failure.OVERFULL]
    way.gate.open()
    await way.outbox.drain()
    assert way.sent == ["first", "OVERFULL"]
    assert way.nothing_is_held()


async def test_who_reads_may_be_sent_any_amount():
    way = Way()
    for number in range(100):
        way.outbox.offer(way.stream, number, ["x" * 3_000])
        await way.outbox.drain()
    assert len(way.sent) == 100
    assert way.failures == []


async def test_what_was_said_before_the_end_still_goes_out():
    way = Way()
    way.outbox.say("last")
    way.outbox.seal()
    await way.outbox.drain()
    assert way.sent == ["last"]
    assert way.nothing_is_held()


async def test_a_drain_does_not_wait_for_who_does_not_read():
    way = Way(gate=Gate())
    way.outbox.say("one")
    way.outbox.say("two")
    way.outbox.seal()
    async with asyncio.timeout(5):
        await way.outbox.drain()
    assert way.sent == []


async def test_an_event_was_sent_although_its_response_is_shown_no_longer_or_anew():
    way = Way()
    way.outbox.offer(way.stream, 0, ["a", "b", "c"])
    for leave in (way.outbox.close, way.outbox.forget):
        leave("r")
        assert way.outbox.was_sent("r", 2)
        assert not way.outbox.was_sent("r", 3)
        assert not way.outbox.was_sent("other", 0)
