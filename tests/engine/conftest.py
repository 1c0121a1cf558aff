"""An engine in the test's own loop: real Postgres, real upstream, a layer that may misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from chat.access import Identity
from chat.database import Pool, make_pool
from chat.engine.caching import Policy
from chat.engine.process import Engine
from chat.models import ApiKey
from chat.providers.base import Provider
from chat.providers.catalogue import Catalogue
from chat.providers.chat_completions import ChatCompletionsProvider
from tests.engine.asking_again import POLICY
from tests.engine.faulty_layer import FaultyLayer
from tests.engine.viewer import Viewer
from tests.service import Account, new_account
from tests.upstream import Upstream


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as running:
        yield running


@pytest.fixture
def layer() -> FaultyLayer:
    return FaultyLayer(seed=1)


@pytest.fixture
def provider(upstream: Upstream) -> Provider:
    return ChatCompletionsProvider(base_url=upstream.base_url, api_key="key")


@pytest.fixture
async def engine(provider: Provider, layer: FaultyLayer, database) -> AsyncIterator[Engine]:
    pool = make_pool()
    await pool.open(wait=True)
    await forget_what_is_to_be_run(pool)
    running = Engine(pool=pool, layer=layer, catalogue=Catalogue(provider, ["test-model"]))
    await running.start()
    yield running
    await running.stop(grace_seconds=0)


async def forget_what_is_to_be_run(pool: Pool) -> None:
    """What other tests left would be run here, at any moment, and be one request too many."""
    async with pool.connection() as connection:
        for table in ("lease", "chat_waitingprompt"):
            await connection.execute(f"DELETE FROM {table}")


def identity_of(account: Account) -> Identity:
    key = ApiKey.objects.get(user=account.user)
    return Identity(user_id=account.user.pk, username=account.username, api_key_id=key.pk)


@pytest.fixture
def identity(account: Account) -> Identity:
    """The account, signed in by its key."""
    return identity_of(account)


@pytest.fixture
async def nothing_is_left_behind(engine: Engine) -> AsyncIterator[None]:
    """Whatever viewers a test leaves connected are gone before the engine is."""
    yield
    for viewer in list(engine.audience._by_connection.values()):
        await viewer.finish()


@pytest.fixture
def use(engine: Engine) -> Callable[..., None]:
    """Have the engine use a cache, with settings other than the usual."""

    def use(**fields: Any) -> None:
        given = {name: getattr(POLICY, name) for name in POLICY.__struct_fields__} | fields
        engine.dispatcher.caching.policy = Policy(**given)

    return use


@pytest.fixture
def cached(use: Callable[..., None]) -> None:
    use()


@pytest.fixture
async def viewer(engine: Engine, identity: Identity) -> Viewer:
    return await Viewer(engine, identity).connect()


@pytest.fixture
def somebody_else(database) -> Identity:
    return identity_of(new_account())


@pytest.fixture
async def stranger(engine: Engine, somebody_else: Identity) -> Viewer:
    return await Viewer(engine, somebody_else).connect()
