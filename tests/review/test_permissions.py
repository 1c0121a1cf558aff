"""Staff with the permission to view may read; nobody else may."""

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from chat.models import Conversation, Feedback, Response, User
from chat.review import links
from tests.review.conftest import client_of, staff_with
from tests.review.making import Talk

LIST = reverse("admin:chat_conversation_changelist")


@pytest.fixture
def talk(owner: User) -> Talk:
    talk = Talk(owner, "private")
    talk.respond("a secret", "another secret")
    return talk


def readable(talk: Talk) -> list[str]:
    """The pages that show something of a conversation."""
    item = talk.conversation.items.earliest("position")
    return [LIST, links.transcript(talk.id), links.item(talk.id, item.pk)]


def test_staff_who_may_view_conversations_read_them(talk: Talk):
    client = client_of(staff_with("view_conversation"))
    for path in readable(talk):
        assert client.get(path).status_code == 200, path


def test_staff_without_the_permission_are_forbidden(talk: Talk):
    client = client_of(staff_with("view_feedback", "view_user", "view_response"))
    for path in readable(talk):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert b"secret" not in answer.content


def test_everybody_else_reads_nothing(talk: Talk):
    owner = talk.owner
    owner.user_permissions.set([])
    for user in (None, owner):
        for path in readable(talk):
            answer = client_of(user).get(path)
            assert answer.status_code in (302, 403), path
            assert b"secret" not in answer.content


def test_a_view_permission_without_being_staff_is_worth_nothing(talk: Talk):
    user = staff_with("view_conversation")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    for path in readable(talk):
        assert client_of(user).get(path).status_code in (302, 403)


@pytest.mark.parametrize("model", ["response", "feedback", "apikey", "user", "conversation"])
def test_each_list_asks_for_its_own_permission(model: str):
    path = reverse(f"admin:chat_{model}_changelist")
    assert client_of(staff_with(f"view_{model}")).get(path).status_code == 200
    assert client_of(staff_with()).get(path).status_code == 403


@pytest.mark.parametrize("model", ["conversation", "response", "feedback", "apikey"])
def test_nobody_adds_or_changes_what_the_service_keeps(boss: Client, talk: Talk, model: str):
    assert boss.get(reverse(f"admin:chat_{model}_add")).status_code == 403


def test_no_form_changes_a_conversation_a_response_or_feedback(boss: Client, talk: Talk):
    response = Response.objects.get(conversation=talk.id)
    feedback = Feedback.objects.create(user=talk.owner, response=response, rating=1)
    boss.post(links.transcript(talk.id), {"title": "changed"})
    for model, key, fields in (
        ("response", response.pk, {"status": "failed", "model": "changed"}),
        ("feedback", feedback.pk, {"rating": -1}),
    ):
        path = reverse(f"admin:chat_{model}_change", args=[quote(key)])
        assert boss.post(path, fields).status_code == 403
    assert Conversation.objects.get(pk=talk.id).title == "private"
    assert Response.objects.get(pk=response.pk).model == "test-model"
    assert Feedback.objects.get(pk=feedback.pk).rating == 1


def test_the_engines_own_tables_are_not_in_the_admin(boss: Client):
    page = boss.get(reverse("admin:index")).content.decode()
    for name in ("log", "lease", "intent", "item", "waitingprompt", "receivedevent"):
        assert f"/admin/chat/{name}/" not in page


def test_deleting_asks_for_its_permission(talk: Talk):
    client = client_of(staff_with("view_conversation"))
    path = reverse("admin:chat_conversation_delete", args=[quote(talk.id)])
    assert client.get(path).status_code == 403
    assert client.post(path, {"post": "yes"}).status_code == 403
    assert b"delete_selected" not in client.get(LIST).content
    client.post(LIST, {"action": "delete_selected", "_selected_action": talk.id, "post": "yes"})
    assert Conversation.objects.filter(pk=talk.id).exists()
    assert path not in client.get(links.transcript(talk.id)).content.decode()
