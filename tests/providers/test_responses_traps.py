"""What servers do to an answer of the Responses API, each trap as bytes: over HTTP, and cut.

What must come of each is the items that the coalescer makes of it, and how it ends.
"""

import pytest

from chat.protocol.deltas import Finish
from chat.protocol.items import Item
from chat.providers.base import Delta
from tests.providers.reading import asking, deltas_of, items_of
from tests.providers.responses_reading import heard
from tests.providers.responses_traps import TRAPS
from tests.upstream_responses import RESPONSES
from tests.upstream_script import Script

pytestmark = pytest.mark.parametrize("speech", [RESPONSES], indirect=True)
each_trap = pytest.mark.parametrize(("data", "expected"), TRAPS.values(), ids=TRAPS.keys())


def kept(deltas: list[Delta]) -> list[Item]:
    """The items, with the ids of calls that upstream gave none out of sight."""
    items = items_of(deltas)
    for item in items:
        if len(item.get("call_id", "")) > 30:
            item["call_id"] = "minted"
        if item.get("interject", {}).pop("sealed_by", None):
            del item["interject"]
    return items


@each_trap
async def test_a_trap_is_survived_over_http(data, expected, upstream, provider):
    upstream.script = Script([data])
    deltas = await deltas_of(provider, asking())
    assert kept(deltas) == expected
    assert [type(delta) for delta in deltas].count(Finish) == 1


@each_trap
def test_a_trap_is_survived_wherever_it_is_cut(data, expected, speech):
    assert kept(heard([data])[0]) == expected
    assert kept(heard([data[at : at + 1] for at in range(len(data))])[0]) == expected
    for position in range(1, len(data), max(1, len(data) // 200)):
        deltas, answer = heard([data[:position], data[position:].replace(b"\n", b"\r\n")])
        assert (kept(deltas), answer.failure) == (expected, None)


@each_trap
def test_a_trap_that_breaks_off_anywhere_is_not_complete(data, expected, speech):
    """What it said by then begins what it would have said."""
    end = data.index(b"response.completed") if b"response.completed" in data else len(data)
    for position in range(0, end, max(1, end // 100)):
        deltas, answer = heard([data[:position]])
        assert answer.failure is not None
        assert not any(isinstance(delta, Finish) for delta in deltas)
        assert len(items_of(deltas, "incomplete")) <= len(expected)
