"""What the tests of the wire are given."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.service import Account, Service, new_account
from tests.upstream import Upstream
from tests.wire.lines import Line, Model, line

# Every limit so low that a test reaches it at once.
TIGHT = {
    "CHAT_WINDOW_EVENTS": "8",
    "CHAT_WINDOW_BYTES": "20000",
    "CHAT_OUTSTANDING_BYTES": "60000",
    "CHAT_MAX_FRAME_BYTES": "20000",
    "CHAT_FIRST_DELTA_SECONDS": "1",
    "CHAT_SILENCE_SECONDS": "1",
    "CHAT_QUEUE_LIMIT": "2",
    "CHAT_STORE_FALSE_BYTES": "2000",
    "CHAT_PULSE_MS": "1",
}


@pytest.fixture
def model(upstream: Upstream) -> Model:
    return Model(upstream)


@pytest.fixture
def stranger(database) -> Account:
    """Another user."""
    return new_account()


@pytest.fixture
async def chat(served: Service, account: Account) -> AsyncIterator[Line]:
    """The account's connection, of a client that knows our extensions."""
    async with line(served, account) as opened:
        yield opened


@pytest.fixture(scope="module")
def tight(served: Service, upstream: Upstream) -> Iterator[Service]:
    """The same server with low limits, for one module.

    While two services share a database, each may see to what the other left over, and tell its own
    connections of it: nothing may be steered or queued on `served` meanwhile.
    """
    settings = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "test-model",
        **TIGHT,
    }
    running = Service(served.server, settings).start()
    yield running
    running.stop()
