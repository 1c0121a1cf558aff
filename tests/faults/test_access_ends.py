"""In mid-stream the login ends, the conversation goes, or the account does."""

import asyncio
import urllib.request
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from chat.models import User
from tests.faults import postgres
from tests.faults.answers import long_answer
from tests.faults.cluster import Cluster
from tests.faults.oracle import judge
from tests.faults.page import Page
from tests.service import Account, Service, new_account
from tests.upstream import Seen, Upstream
from tests.wire.lines import Model, kept, post


async def test_a_logout_elsewhere_ends_the_page_and_not_the_answer(
    cluster: Cluster, page: Page, account: Account, upstream: Upstream
):
    cookie = await kept(account.session_cookie)
    here = cluster.webs[0]
    headers = {"Cookie": cookie, "Origin": here.url}
    async with Page(account, cluster.doors[:1], page.conversation_id, headers=headers) as tab:
        response_id = await tab.asked(long_answer(100))
        await tab.reads(response_id, "20 ")
        await post(cluster.webs[1], cookie, "/accounts/logout/")
        await tab.left()
        assert tab.is_signed_out
        assert response_id not in tab.endings
    async with page:
        await page.completes(response_id)
        await judge(upstream, page.conversation_id, [page])


@pytest.mark.parametrize("with_redis", [True, False], ids=["with Redis", "without Redis"])
async def test_a_conversation_that_is_removed_elsewhere_ends_its_answer(
    cluster: Cluster, page: Page, account: Account, model: Model, with_redis: bool
):
    cookie = await kept(account.session_cookie)
    async with page:
        response_id, seen = await runs(page, model)
        if not with_redis:
            cluster.redis.kill()
        await post(cluster.webs[1], cookie, f"/conversations/{page.conversation_id}/delete")
        await page.until(lambda: page.is_removed, "its removal")
        await seen.closed()
        await nothing_left(page.conversation_id, response_id)


async def test_an_account_that_is_deleted_in_the_admin_takes_its_answers_with_it(
    cluster: Cluster, page: Page, account: Account, model: Model
):
    cookie = await kept(administrator)
    async with page:
        response_id, seen = await runs(page, model)
        path = reverse("admin:chat_user_delete", args=[account.user.pk])
        await submit(cluster.webs[1], cookie, path, post="yes")
        await page.left()
        assert page.is_signed_out
        await seen.closed()
        await nothing_left(page.conversation_id, response_id)


async def runs(page: Page, model: Model) -> tuple[str, Seen]:
    """A response that has begun and does not end, and what upstream was asked for it."""
    prompt = model.begins("one ")
    response_id = await page.asked(prompt)
    await page.reads(response_id, "one ")
    return response_id, await model.asked(prompt)


def administrator() -> str:
    """The session of a new one."""
    account = new_account()
    User.objects.filter(pk=account.user.pk).update(is_staff=True, is_superuser=True)
    return account.session_cookie()


async def submit(service: Service, cookie: str, path: str, **fields: str) -> None:
    """Send a form, as its page would."""
    token = "t" * 32
    headers = {"Cookie": f"{cookie}; csrftoken={token}"}
    data = urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
    request = urllib.request.Request(service.url + path, data, headers, method="POST")
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=20) as answer:
        assert answer.status == 200


async def nothing_left(conversation_id: str, response_id: str) -> None:
    gone = await postgres.asked(
        "SELECT 1 FROM chat_item WHERE conversation_id = %s", conversation_id
    )
    assert gone == []
    await postgres.until(
        "SELECT 1 WHERE NOT EXISTS (SELECT FROM lease WHERE response_id = %s)", response_id
    )
