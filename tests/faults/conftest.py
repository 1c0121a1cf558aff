"""A whole installation of processes that can be hurt, one for each module, mended for each test."""

from collections.abc import Iterator

import pytest
from django.db import connections

from tests.faults import reading, vitals
from tests.faults.answers import new_conversation
from tests.faults.cluster import Cluster
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Model


@pytest.fixture(autouse=True)
def own_connection(database) -> Iterator[None]:
    """The test's own session of Postgres does not outlive it: the next one's may be ended."""
    yield
    connections.close_all()


@pytest.fixture(scope="session", autouse=True)
def pages_own_code() -> Iterator[None]:
    yield
    reading.leave()


@pytest.fixture
def model(upstream: Upstream) -> Model:
    return Model(upstream)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    running = RedisProcess().start()
    yield running
    running.thaw()
    running.kill()


@pytest.fixture(scope="module")
def workers(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """A web process on each server, and two workers that run what these take."""
    with Cluster(upstream, redis).running() as running:
        yield running


@pytest.fixture(scope="module")
def inline(database, upstream: Upstream, redis: RedisProcess) -> Iterator[Cluster]:
    """A web process on each server, which run what they take."""
    with Cluster(upstream, redis).running(workers=0) as running:
        yield running


@pytest.fixture
def cluster(workers: Cluster) -> Iterator[Cluster]:
    with vitals.in_order(workers) as in_order:
        yield in_order


@pytest.fixture
def pair(inline: Cluster) -> Iterator[Cluster]:
    """The installation without workers."""
    with vitals.in_order(inline) as in_order:
        yield in_order


@pytest.fixture
def conversation(account: Account) -> str:
    """The id of a new conversation of the account's."""
    return new_conversation(account)


@pytest.fixture
def page(cluster: Cluster, account: Account, conversation: str) -> Page:
    """The account's page with that conversation, to be opened by the test."""
    return Page(account, cluster.doors, conversation)
