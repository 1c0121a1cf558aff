"""What the tests share: one database that keeps what is committed, the service on each server."""

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from chat.web.servers.living import spare_the_collector
from tests.service import LARGEST_FRAME_BYTES, Account, Service, new_account
from tests.upstream import Upstream

ORDER = {"engine": 0, "browser": 1}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An engine in a test's own loop comes first, while no other process uses the database: any
    process may see to what another one left, and would answer by its own provider.

    Each process of the run has a database of its own, and keeps this order.
    """
    items.sort(key=lambda item: ORDER.get(item.path.parent.name, len(ORDER)))


def pytest_collection_finish() -> None:
    """What was loaded stays, as in the service: thousands of tests would be looked through again
    with every full collection.
    """
    spare_the_collector()


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings, django_db_blocker) -> Iterator[None]:
    """One migrated database for each process of the run. pytest-django's makes none if unmarked."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
    yield
    with django_db_blocker.unblock():
        _end_other_sessions()
        teardown_databases(made, verbosity=0)


def _end_other_sessions() -> None:
    """Threads of the tests may have left connections of their own: they would hold the database."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session", autouse=True)
def database(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Other processes see what a test writes: nothing is rolled back, each test has new users."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def service(database) -> Iterator[Service]:
    """The service as `make run` serves it: Daphne, and a demo that speaks fast."""
    settings = {
        "CHAT_DEMO_WORDS_PER_SECOND": "1200",
        "CHAT_MAX_FRAME_BYTES": str(LARGEST_FRAME_BYTES),
    }
    running = Service("daphne", settings).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """A real HTTP upstream in a thread. Prompts ask for their own scripts, or tests set them."""
    with Upstream().in_thread() as running:
        yield running


@pytest.fixture(scope="session", params=["daphne", "uvicorn"])
def served(request, database, upstream) -> Iterator[Service]:
    """The service on each server, with the tests' upstream behind it."""
    settings = {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "upstream-key",
        "CHAT_MODELS": "test-model,other-model,limited-model",
        "CHAT_RETRY_WAIT_SECONDS": "0.05",
    }
    running = Service(request.param, settings).start()
    yield running
    running.stop()


@pytest.fixture
def account(database) -> Account:
    """A new user, with a key and a password."""
    return new_account()
