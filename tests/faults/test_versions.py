"""A newer version runs beside this one, on one database and one Redis, and each suits the other."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import newer, postgres, vitals
from tests.faults.answers import long_answer
from tests.faults.cluster import TAKEOVER_SECONDS, Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.faults.redis_process import RedisProcess
from tests.service import Account
from tests.upstream import Upstream
from tests.wire.lines import Model, kept, post

THIS, NEWER = 0, 1


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the newer version."""
    return newer.make(tmp_path_factory.mktemp("version"))


@pytest.fixture(scope="module")
def both(database, upstream: Upstream, redis: RedisProcess, root: Path) -> Iterator[Cluster]:
    """A web process and a worker of each version, this one's first."""
    cluster = Cluster(upstream, redis, {"CHAT_DISPATCH": "worker"})
    cluster.add_web("uvicorn")
    cluster.add_worker()
    cluster.add_web("daphne").root = root
    cluster.add_worker().root = root
    newer.migrate(root)
    with cluster.running(webs=(), workers=0):
        yield cluster
    newer.migrate(root, newer.latest())


@pytest.fixture
def versions(both: Cluster) -> Iterator[Cluster]:
    with vitals.in_order(both) as in_order:
        yield in_order


@pytest.fixture
def page(versions: Cluster, account: Account, conversation: str) -> Page:
    return Page(account, versions.doors[:1], conversation)


async def test_an_answer_goes_on_while_the_next_version_migrates_and_starts(
    versions: Cluster, page: Page, root: Path, upstream: Upstream
):
    for process in (versions.webs[NEWER], versions.workers[NEWER]):
        process.kill()
    newer.migrate(root, newer.latest())
    async with page:
        response_id = await page.asked(long_answer(300))
        await page.reads(response_id, "20 ")
        await asyncio.to_thread(newer.migrate, root)
        assert response_id not in page.endings
        versions.workers[NEWER].spawn()
        versions.webs[NEWER].spawn()
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize(("asks", "runs"), [(THIS, NEWER), (NEWER, THIS)], ids=["this", "newer"])
async def test_each_version_has_the_other_answer_steer_and_take_over(
    versions: Cluster,
    account: Account,
    conversation: str,
    model: Model,
    upstream: Upstream,
    asks: int,
    runs: int,
):
    doors, workers = versions.doors, versions.workers
    workers[asks].kill()
    async with (
        Page(account, [doors[asks]], conversation) as page,
        Page(account, [doors[runs]], conversation) as onlooker,
    ):
        await page.completes(await page.asked(long_answer(50)))
        prompt = model.begins("one ")
        response_id = await page.asked(prompt)
        await onlooker.reads(response_id, "one ")
        assert versions.runner(await model.asked(prompt)) is workers[runs]
        instead = model.begins("two ")
        successor = await page.begun(await page.steer(response_id, instead))
        await onlooker.reads(successor, "two ")
        workers[asks].spawn()
        await asyncio.to_thread(versions.wait_until_it_answers)
        workers[runs].kill()
        ended = await onlooker.end(successor, 2 * TAKEOVER_SECONDS)
        assert ended["incomplete_details"] == {"reason": "interrupted"}
        await onlooker.completes(await onlooker.asked(long_answer(20)))
        await judge(upstream, conversation, [page, onlooker])


async def test_this_version_removes_what_a_newer_one_kept(
    versions: Cluster, account: Account, conversation: str, upstream: Upstream
):
    async with Page(account, [versions.doors[NEWER]], conversation) as page:
        response_id = await page.asked(long_answer(5))
        await page.completes(response_id)
        assert await postgres.asked("SELECT 1 FROM mood WHERE response_id = %s", response_id)
        cookie = await kept(account.session_cookie)
        await post(versions.webs[THIS], cookie, f"/conversations/{conversation}/delete")
        await page.until(lambda: page.is_removed, "its removal")
    assert not await postgres.asked("SELECT 1 FROM mood WHERE response_id = %s", response_id)
