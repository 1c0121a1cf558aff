"""Which providers the settings ask for."""

import dataclasses

import pytest

from chat.providers import configured
from chat.providers.ledger import LocalLedger
from chat.providers.members import Member
from chat.providers.shared_ledger import SharedLedger
from tests.infra.services import free_port

FILE = [Member(name="first", api="demo"), Member(name="second", api="demo", priority=2)]


@pytest.fixture
async def pool(settings):
    """The pool of the settings as they are when it is asked for."""
    made = []

    def make():
        if not made:
            made.append(configured.configured_catalogue().provider_of("any"))
        return made[0]

    yield make
    for each in made:
        await each.close()


async def test_without_any_setting_the_demo_answers(pool):
    assert pool().name == "demo"
    assert await pool().models() == ["demo"]


async def test_one_upstream_is_a_pool_of_one_that_keeps_to_itself(pool, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:1/v1"
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    assert pool().name == "chat_completions"
    assert isinstance(pool().ledger, LocalLedger)


async def test_the_file_of_providers_goes_before_the_one_upstream(pool, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:1/v1"
    settings.PROVIDERS = FILE
    settings.CHAT = dataclasses.replace(settings.CHAT, upstream_tries=7)
    assert (pool().name, await pool().models()) == ("pool", ["demo"])
    assert pool().patience.tries == 7


async def test_with_redis_several_share_what_they_know_and_start_without_it(pool, settings):
    settings.PROVIDERS = FILE
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    assert isinstance(pool().ledger, SharedLedger)
    assert await pool().models() == ["demo"]
