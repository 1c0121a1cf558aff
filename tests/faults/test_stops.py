"""A process is told to stop under load: what runs ends well, and who followed goes on elsewhere."""

from tests.faults.cluster import Cluster
from tests.faults.talks import stopped_under_load
from tests.service import Account
from tests.upstream import Upstream

MOVED = {1001, 1012}


async def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(
    cluster: Cluster, account: Account, upstream: Upstream
):
    async with stopped_under_load(cluster, cluster.workers[0], account, upstream) as pages:
        assert not any(page.close_codes for page in pages)


async def test_followers_of_a_web_process_that_is_told_to_stop_go_on_elsewhere(
    cluster: Cluster, account: Account, upstream: Upstream
):
    async with stopped_under_load(cluster, cluster.webs[0], account, upstream) as pages:
        assert {code for page in pages for code in page.close_codes} <= MOVED
