"""The admin on each server: signed in to, read under a strict policy, and deleting what runs."""

import json
import re
from collections.abc import Iterator

import httpx2
import pytest
from django.contrib.admin.utils import quote
from django.urls import reverse
from websockets.sync.client import ClientConnection, connect

from chat.models import Conversation, Intent, Item, Lease, Log, Response, User
from chat.review import links
from tests.review.making import HOSTILE, Talk
from tests.review.page import Page, assert_harmless
from tests.service import Account, Service, new_account
from tests.upstream import Upstream

HUNDRED_SECONDS_OF_WORDS = "say 2000 tokens at 20/s"


@pytest.fixture
def staff(database) -> Account:
    account = new_account()
    User.objects.filter(pk=account.user.pk).update(is_staff=True, is_superuser=True)
    return account


@pytest.fixture
def stranger(served: Service) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=served.url, headers={"Referer": served.url}, timeout=20) as client:
        yield client


@pytest.fixture
def browser(stranger: httpx2.Client, staff: Account) -> httpx2.Client:
    """Signed in. The sign-in page, slow by design, has its own test."""
    name, _, value = staff.session_cookie().partition("=")
    stranger.cookies.set(name, value)
    return stranger


def token(page: httpx2.Response) -> dict[str, str]:
    found = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found is not None
    return {"csrfmiddlewaretoken": found[1]}


class Live:
    """A response that runs, and what its account's socket hears of it."""

    def __init__(self, socket: ClientConnection, upstream: Upstream) -> None:
        self.socket = socket
        asked = len(upstream.requests)
        self.send(type="response.create", input=HUNDRED_SECONDS_OF_WORDS)
        created = self.until("response.created")["response"]
        self.response_id: str = created["id"]
        self.conversation_id: str = created["conversation"]["id"]
        self.until("response.output_text.delta")
        self.seen = upstream.wait_for_request(asked)

    def send(self, **frame: object) -> None:
        self.socket.send(json.dumps(frame))

    def until(self, kind: str) -> dict:
        while True:
            frame = json.loads(self.socket.recv(20))
            if frame["type"] == kind:
                return frame

    def is_gone(self) -> bool:
        """From every table, and upstream no longer talks."""
        self.seen.wait_closed()
        mine = {"response_id": self.response_id}
        tables = [
            Conversation.objects.filter(pk=self.conversation_id),
            Response.objects.filter(pk=self.response_id),
            *(table.objects.filter(**mine) for table in (Item, Log, Lease, Intent)),
        ]
        return not any(rows.exists() for rows in tables)


@pytest.fixture
def live(served: Service, upstream: Upstream, account: Account) -> Iterator[Live]:
    headers = {"Authorization": f"Bearer {account.key}"}
    address = served.ws_url + "?interject=1"
    with connect(address, additional_headers=headers, max_queue=None) as socket:
        yield Live(socket, upstream)


def test_staff_sign_in_on_the_page_where_everybody_does(stranger: httpx2.Client, staff: Account):
    page = stranger.get("/admin/", follow_redirects=True)
    assert page.url.path == "/accounts/login/"
    data = {"login": staff.username, "password": staff.password, **token(page)}
    answer = stranger.post(str(page.url), data=data)
    assert (answer.status_code, answer.headers["location"]) == (302, "/admin/")
    assert stranger.get("/admin/").status_code == 200


def test_a_transcript_obeys_the_policy(browser: httpx2.Client, account: Account):
    talk = Talk(account.user, HOSTILE[:200])
    talk.respond(HOSTILE, HOSTILE)
    for path in (reverse("admin:chat_conversation_changelist"), links.transcript(talk.id)):
        answer = browser.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "default-src 'self'" in policy
        page = Page(answer.text)
        assert_harmless(page)
        assert [each for name, each in page.elements if name == "script"]
    assert HOSTILE in page.text
    style = next(
        each["href"] for name, each in page.elements
        if name == "link" and "review.css" in (each.get("href") or "")
    )  # fmt: skip
    assert browser.get(style or "").status_code == 200


def test_who_is_no_staff_cannot_enter(served: Service, account: Account):
    headers = {"Cookie": account.session_cookie()}
    with httpx2.Client(base_url=served.url, headers=headers) as client:
        answer = client.get(reverse("admin:chat_conversation_changelist"))
        assert answer.status_code in (302, 403)


def test_the_transcript_of_a_live_response_shows_what_was_said_so_far(
    browser: httpx2.Client, live: Live
):
    live.until("response.output_text.delta")
    page = Page(browser.get(links.transcript(live.conversation_id)).text)
    assert f"user fields {HUNDRED_SECONDS_OF_WORDS} assistant in progress" in page.words
    assert "still being written" in page.words


def test_deleting_a_conversation_ends_what_runs_in_it(browser: httpx2.Client, live: Live):
    path = reverse("admin:chat_conversation_delete", args=[quote(live.conversation_id)])
    page = browser.get(path)
    assert "Conversations: 1" in Page(page.text).words
    answer = browser.post(path, data={"post": "yes", **token(page)})
    assert answer.status_code == 302
    assert live.is_gone()
    shown = Page(browser.get(answer.headers["location"]).text)
    assert "was deleted successfully" in shown.words


def test_many_conversations_are_deleted_at_once(
    browser: httpx2.Client, live: Live, account: Account
):
    talks = [Talk(account.user, f"number {number}") for number in range(3)]
    for talk in talks:
        talk.respond("x", "y")
    kept = Talk(account.user, "kept")
    path = reverse("admin:chat_conversation_changelist")
    chosen = {
        "action": "delete_selected",
        "_selected_action": [live.conversation_id, *(talk.id for talk in talks)],
    }
    sure = browser.post(path, data={**chosen, **token(browser.get(path))})
    assert "Conversations: 4" in Page(sure.text).words
    answer = browser.post(path, data={**chosen, "post": "yes", **token(sure)})
    assert answer.status_code == 302
    assert live.is_gone()
    assert not Conversation.objects.filter(pk__in=[talk.id for talk in talks]).exists()
    assert Conversation.objects.filter(pk=kept.id).exists()


def test_deleting_a_user_leaves_nothing_of_theirs(
    browser: httpx2.Client, live: Live, account: Account
):
    for number in range(3):
        Talk(account.user, f"number {number}").respond("x", "y")
    path = reverse("admin:chat_user_delete", args=[account.user.pk])
    page = browser.get(path)
    assert "Users: 1 Conversations: 4 Responses: 4" in Page(page.text).words
    assert browser.post(path, data={"post": "yes", **token(page)}).status_code == 302
    assert live.is_gone()
    assert not User.objects.filter(pk=account.user.pk).exists()
    assert not Conversation.objects.filter(owner_id=account.user.pk).exists()


def test_nobody_deletes_themselves(browser: httpx2.Client, staff: Account):
    path = reverse("admin:chat_user_delete", args=[staff.user.pk])
    assert browser.get(path).status_code == 403
    listed = reverse("admin:chat_user_changelist")
    chosen = {"action": "delete_selected", "_selected_action": [staff.user.pk]}
    page = browser.post(listed, data={**chosen, **token(browser.get(listed))})
    assert "protected" in page.text
    browser.post(listed, data={**chosen, "post": "yes", **token(browser.get(listed))})
    assert User.objects.filter(pk=staff.user.pk).exists()


def test_what_was_deleted_meanwhile_is_no_error(browser: httpx2.Client, account: Account):
    talk = Talk(account.user, "gone soon")
    path = reverse("admin:chat_conversation_delete", args=[quote(talk.id)])
    page = browser.get(path)
    Conversation.objects.filter(pk=talk.id).delete()
    assert browser.post(path, data={"post": "yes", **token(page)}).status_code in (302, 404)
