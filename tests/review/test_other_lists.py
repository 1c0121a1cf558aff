"""Responses, feedback, keys and users: found, and revoked or deactivated where that is meant."""

from collections.abc import Callable

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import ApiKey, Feedback, User
from chat.protocol import lifecycle
from chat.review import links
from tests.review.conftest import client_of, staff_with
from tests.review.making import Talk
from tests.review.page import Page
from tests.service import Account, new_account

Look = Callable[[str], Page]
RESPONSES = reverse("admin:chat_response_changelist")
FEEDBACK = reverse("admin:chat_feedback_changelist")
KEYS = reverse("admin:chat_apikey_changelist")
USERS = reverse("admin:chat_user_changelist")


def test_a_response_is_found_by_status_model_error_and_rating(look: Look, owner: User):
    talk = Talk(owner, "Where it broke")
    error = {"code": "strange_trouble", "message": "Oddly shaped"}
    failed = talk.respond(status=lifecycle.FAILED, model="odd-model", error=error)
    Feedback.objects.create(user=owner, response=failed, rating=-1)
    path = links.transcript(talk.id, failed.pk)
    for query in (
        "status=failed", "model=odd-model", "error=strange_trouble", "rating=bad",
        "q=oddly+SHAPED", f"q={failed.pk}", "status=failed&error=strange_trouble&rating=bad",
    ):  # fmt: skip
        page = look(f"{RESPONSES}?{query}")
        assert path in page.links(), query
        assert "strange_trouble" in page.text
    for query in ("status=completed", "rating=good", "error=other", "q=nothing+oddly", "model=x"):
        assert path not in look(f"{RESPONSES}?{query}").links(), query


def test_a_response_is_found_by_who_answered_and_whether_another_had_failed(
    look: Look, owner: User
):
    talk = Talk(owner)
    switch = {"from": "odd-provider", "to": "even-provider", "reason": "server_error", "at": 1.0}
    switched = talk.respond(provider="even-provider", switches=[switch], model="of-two")
    plain = talk.respond(provider="odd-provider", model="of-two")
    for query, there, not_there in (
        ("provider=even-provider", switched, plain),
        ("provider=odd-provider", plain, switched),
        ("switched=yes", switched, plain),
    ):
        found = look(f"{RESPONSES}?model=of-two&{query}").links()
        assert links.transcript(talk.id, there.pk) in found
        assert links.transcript(talk.id, not_there.pk) not in found


def test_a_response_is_found_by_whether_the_cache_answered(look: Look, owner: User):
    talk = Talk(owner)
    hit, miss, plain = (
        links.transcript(talk.id, talk.respond(cache=cache, model="of-cache").pk)
        for cache in ("hit", "miss", "")
    )
    for value, there, not_there in (("hit", hit, miss), ("miss", miss, hit)):
        found = look(f"{RESPONSES}?model=of-cache&cache={value}").links()
        assert there in found
        assert not {not_there, plain} & set(found)


def test_live_responses_stand_before_those_that_have_ended(look: Look, owner: User):
    talk = Talk(owner, "live and dead")
    live = talk.respond(status=lifecycle.IN_PROGRESS, model="only-here")
    ended = talk.respond(model="only-here")
    html = look(f"{RESPONSES}?model=only-here").html
    assert html.index(live.pk) < html.index(ended.pk)


def test_a_response_shows_all_its_fields(look: Look, owner: User):
    response = Talk(owner).respond(request={"tools": [{"name": "a_tool"}]})
    page = look(reverse("admin:chat_response_change", args=[quote(response.pk)]))
    assert '"a_tool"' in page.text
    assert not [each for name, each in page.elements if each.get("name") == "status"]


def test_feedback_leads_to_the_response_that_it_is_about(look: Look, owner: User):
    talk = Talk(owner, "judged")
    response = talk.respond()
    tag = f"tag-{owner.pk}"
    Feedback.objects.create(
        user=owner, response=response, rating=-1, tags=[tag], comment="Far too cheerful"
    )
    path = links.transcript(talk.id, response.pk)
    for query in ("", "rating=bad", "comment=yes", f"q={tag}", "q=CHEERFUL", f"q={owner.username}"):
        page = look(f"{FEEDBACK}?{query}")
        assert path in page.links(), query
        assert f"bad Far too cheerful {tag} {owner.username} test-model judged" in page.words
    for query in ("rating=good", "comment=no", "q=cheerless"):
        assert path not in look(f"{FEEDBACK}?{query}").links(), query


def test_lists_cost_the_same_number_of_queries_whatever_is_on_them(boss: Client, owner: User):
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(path).status_code == 200
        return len(captured)

    def add() -> None:
        for _ in range(20):
            account = new_account()
            talk = Talk(account.user)
            Feedback.objects.create(user=account.user, response=talk.respond(), rating=1)

    add()
    paths = (RESPONSES, FEEDBACK, KEYS, USERS)
    before = [queries(path) for path in paths]
    add()
    assert [queries(path) for path in paths] == before
    assert max(before) <= 10


def test_a_key_is_listed_by_its_beginning_and_never_shown(look: Look, account: Account):
    key = ApiKey.objects.get(user=account.user)
    pages = [look(f"{KEYS}?q={account.username}")]
    pages.append(look(reverse("admin:chat_apikey_change", args=[key.pk])))
    for page in pages:
        assert key.prefix in page.text
        assert account.key not in page.html
        assert key.digest not in page.html


def test_a_key_cannot_be_guessed_at_by_its_digest(boss: Client):
    assert boss.get(f"{KEYS}?digest__startswith=a").status_code == 400


def test_a_key_is_revoked_once_and_for_all(boss: Client, account: Account):
    key = ApiKey.objects.get(user=account.user)
    boss.post(KEYS, {"action": "revoke", "_selected_action": key.pk})
    key.refresh_from_db()
    revoked_at = key.revoked_at
    assert revoked_at is not None
    boss.post(KEYS, {"action": "revoke", "_selected_action": key.pk})
    key.refresh_from_db()
    assert key.revoked_at == revoked_at
    assert LogEntry.objects.filter(object_id=str(key.pk), change_message="Revoked.").count() == 1
    page = Page(boss.get(f"{KEYS}?q={account.username}&state=revoked").content.decode())
    assert f"{key.prefix}… {account.username}" in page.words
    assert key.prefix not in boss.get(f"{KEYS}?state=valid").content.decode()


def test_who_may_only_view_keys_cannot_revoke_them(account: Account):
    key = ApiKey.objects.get(user=account.user)
    client = client_of(staff_with("view_apikey"))
    assert b'value="revoke"' not in client.get(KEYS).content
    client.post(KEYS, {"action": "revoke", "_selected_action": key.pk})
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_user_is_made_with_a_password(boss: Client, owner: User):
    name = f"made-{owner.pk}"
    answer = boss.post(
        reverse("admin:chat_user_add"),
        {
            "username": name, "usable_password": "true",
            "password1": "a good long password", "password2": "a good long password",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    assert User.objects.get(username=name).check_password("a good long password")


def test_a_user_leads_to_what_they_said(look: Look, owner: User):
    assert links.conversations_of(owner.pk) in look(f"{USERS}?q={owner.username}").links()


def test_a_user_is_deactivated_and_keeps_what_they_said(boss: Client, owner: User):
    talk = Talk(owner)
    staff = User.objects.get(pk=boss.session["_auth_user_id"])
    boss.post(USERS, {"action": "deactivate", "_selected_action": [owner.pk, staff.pk]})
    owner.refresh_from_db()
    staff.refresh_from_db()
    assert not owner.is_active
    assert staff.is_active
    assert type(talk.conversation).objects.filter(pk=talk.id).exists()
