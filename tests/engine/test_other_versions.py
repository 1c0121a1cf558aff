"""Another version of the service says more than this one knows: what is known is heard."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chat.engine import notices
from chat.engine.bus import Bus
from chat.engine.notices import Ended, Titled
from chat.protocol import batch as batches
from chat.protocol.batch import Batch
from tests.engine.faulty_layer import FaultyLayer

THERE = "interject.there"
ENDED = Ended(conversation_id="conv_1", response_id="resp_1", status="completed")
BATCH = Batch("resp_1", "conv_1", 1, 0, 0, "{}")
packed = msgspec.msgpack.encode


def notice(*told: bytes) -> dict[str, Any]:
    return {"type": "notices", "notices": list(told)}


class Ear:
    """A process, and what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.layer = FaultyLayer(seed=1)
        self.bus = Bus(self.layer, "here", self.heard.extend, self.heard.append)

    async def hears(self, *messages: dict[str, Any]) -> list[Any]:
        """All that came of the messages, up to a last one that is known."""
        last = Titled("conv_1", "the last word")
        for each in (*messages, notice(notices.pack(last))):
            await self.layer.send("interject.here", {"by": THERE, **each})
        async with asyncio.timeout(10):
            while last not in self.heard:
                await asyncio.sleep(0.01)
        return self.heard[: self.heard.index(last)]


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    listening = Ear()
    listening.bus.start()
    yield listening
    await listening.bus.stop()


async def test_what_is_unknown_is_passed_over_without_a_complaint(ear: Ear, caplog):
    moody = {"kind": "mooded", "conversation_id": "conv_1", "mood": "sunny"}
    assert await ear.hears(
        {"type": "weather", "degrees": 21},
        notice(packed(moody)),
        notice(packed({"kind": "mooded"})),
    ) == []  # fmt: skip
    assert [each.getMessage() for each in caplog.records] == []


async def test_what_is_known_is_heard_beside_what_is_unknown_or_broken(ear: Ear):
    unknown, broken = packed({"kind": "mooded"}), packed({"kind": "ended", "conversation_id": 7})
    assert await ear.hears(notice(unknown, broken, notices.pack(ENDED))) == [ENDED]


async def test_what_has_more_fields_than_are_known_is_heard(ear: Ear, caplog):
    ended = {**msgspec.msgpack.decode(notices.pack(ENDED)), "mood": "sunny"}
    (batch,) = msgspec.msgpack.decode(batches.pack([BATCH]))
    assert await ear.hears(
        {**notice(packed(ended)), "season": "spring"},
        {"type": "letter", "kept": packed([[*batch, "sunny"]]), "asked": [], "season": "spring"},
    ) == [ENDED, BATCH]  # fmt: skip
    assert [each.getMessage() for each in caplog.records] == []


async def test_what_is_broken_is_complained_of_and_harms_nothing(ear: Ear, caplog):
    ended = {"kind": "ended", "conversation_id": 7}
    assert await ear.hears(notice(packed(ended))) == []
    assert [each.getMessage() for each in caplog.records] == [
        "A notice from another process was not understood"
    ]
