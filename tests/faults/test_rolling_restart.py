"""`make cluster` replaces every process under load: nothing is lost, and nobody is failed."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.answers import new_conversation
from tests.faults.page import Page
from tests.faults.talks import TALKS, judge_all, says_more
from tests.infra.launched import Launched
from tests.service import Account, database_url
from tests.upstream import Upstream
from tests.wire.lines import kept

CHILDREN = ("web 1", "web 2", "worker 1", "worker 2")


@pytest.fixture(params=["daphne", "uvicorn"])
def fleet(
    request: pytest.FixtureRequest, database, upstream: Upstream, tmp_path: Path
) -> Iterator[Launched]:
    running = Launched(
        tmp_path,
        module="project.cluster",
        DATABASE_URL=database_url(),
        OPENAI_BASE_URL=upstream.base_url,
        OPENAI_API_KEY="upstream-key",
        CHAT_MODELS="test-model",
        CHAT_SERVER=request.param,
        LOG_LEVEL="WARNING",
    )
    try:
        yield running.ready()
    finally:
        running.stop()
        running.close()


async def test_every_process_is_replaced_while_people_talk(
    fleet: Launched, account: Account, upstream: Upstream
):
    door = f"ws://127.0.0.1:{fleet.port}/v1/responses"
    async with AsyncExitStack() as house:
        pages = []
        for _ in range(TALKS):
            conversation_id = await kept(lambda: new_conversation(account))
            page = Page(account, [door], conversation_id)
            pages.append(await house.enter_async_context(page))
        is_over = asyncio.Event()
        talks = [asyncio.create_task(talk(page, is_over)) for page in pages]
        fleet.process.send_signal(signal.SIGUSR1)
        for child in CHILDREN:
            await asyncio.to_thread(fleet.until, f"{child}: replaced")
            await asyncio.to_thread(fleet.until, f"{child}: the old one has stopped")
        is_over.set()
        await asyncio.gather(*talks)
        await judge_all(upstream, pages)


async def talk(page: Page, is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        await says_more(page)
