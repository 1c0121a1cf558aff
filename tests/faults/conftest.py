"""A whole installation of processes that can be killed: web processes, workers, Redis."""

from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster
from tests.infra.services import redis_server
from tests.upstream import Upstream
from tests.wire.lines import Model


@pytest.fixture
def model(upstream: Upstream) -> Model:
    return Model(upstream)


@pytest.fixture
def cluster(database, upstream: Upstream) -> Iterator[Cluster]:
    """Two web processes and two workers, of this test alone."""
    with redis_server() as port, Cluster(upstream.base_url, port).running() as running:
        yield running
