"""Stored text can do nothing in the admin, wherever it stands."""

from collections.abc import Callable

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from chat.models import ApiKey, Conversation, Feedback, User
from chat.protocol import lifecycle
from chat.review import links
from tests.review.making import HOSTILE, Talk, log
from tests.review.page import Page, assert_harmless
from tests.service import new_account

Look = Callable[[str], Page]


@pytest.fixture(scope="module")
def talk(database) -> Talk:
    """A conversation in which everything that anybody can write is hostile."""
    user = new_account().user
    User.objects.filter(pk=user.pk).update(
        username=HOSTILE[:120] + user.username[-20:], email=HOSTILE[:100], first_name=HOSTILE[:100]
    )
    user.refresh_from_db()
    talk = Talk(user, HOSTILE[:200], metadata={HOSTILE: [HOSTILE]})
    failed = talk.respond(
        HOSTILE, HOSTILE, status=lifecycle.FAILED, model=HOSTILE[:200], provider=HOSTILE[:64],
        error={"code": HOSTILE, "message": HOSTILE}, incomplete_reason=HOSTILE[:32],
        receipt={"asked_by": HOSTILE, "asked_at": 1.0, "seen_sequence_number": HOSTILE},
        metadata={HOSTILE: HOSTILE}, request={"instructions": HOSTILE, HOSTILE: 1},
        event_ids=[HOSTILE[:64]],
    )  # fmt: skip
    item = talk.add(
        failed, HOSTILE, type="function_call", body={"name": HOSTILE, "arguments": HOSTILE}
    )
    talk.add(
        failed, "\n" + "W" * 100_000, type=HOSTILE[:32], role=HOSTILE[:16], status=HOSTILE[:16]
    )
    talk.add(failed, HOSTILE, role="system")
    for about in (None, item):
        Feedback.objects.create(
            user=user, response=failed, item=about, rating=-1, comment=HOSTILE, tags=[HOSTILE[:40]]
        )
    live = talk.respond(HOSTILE, after=failed, status=lifecycle.IN_PROGRESS)
    log(live, HOSTILE)
    ApiKey.objects.filter(user=user).update(name=HOSTILE[:100])
    return talk


def pages(talk: Talk) -> dict[str, str]:
    """Every page on which something of the conversation stands."""
    response = talk.conversation.responses.earliest("created_at")
    item = response.items.filter(type="function_call").get()
    feedback = Feedback.objects.filter(response=response).first()
    key = ApiKey.objects.get(user=talk.owner)
    assert feedback is not None

    def page(model: str, name: str, *args: object) -> str:
        return reverse(f"admin:chat_{model}_{name}", args=[quote(each) for each in args])

    return {
        "list": page("conversation", "changelist") + f"?owner__id__exact={talk.owner.pk}",
        "search": page("conversation", "changelist") + "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "transcript": links.transcript(talk.id),
        "item": links.item(talk.id, item.pk),
        "deletion": page("conversation", "delete", talk.id),
        "history": page("conversation", "history", talk.id),
        "responses": page("response", "changelist") + f"?q={response.pk}",
        "response": page("response", "change", response.pk),
        "feedback": page("feedback", "changelist"),
        "one feedback": page("feedback", "change", feedback.pk),
        "keys": page("apikey", "changelist"),
        "key": page("apikey", "change", key.pk),
        "users": page("user", "changelist"),
        "user": page("user", "change", talk.owner.pk),
        "deletion of the user": page("user", "delete", talk.owner.pk),
        "index": reverse("admin:index"),
    }


def test_stored_text_makes_no_element_and_no_link_on_any_page(look: Look, talk: Talk):
    for name, path in pages(talk).items():
        page = look(path)
        assert_harmless(page)
        assert not [href for href in page.links() if "evil" in href.split("?")[0]], name
        assert "&lt;script&gt;" in page.html or name in {"history", "index"}, name


def test_a_transcript_shows_the_text_to_the_letter(look: Look, talk: Talk):
    page = look(links.transcript(talk.id))
    shown = [box for box in page.boxes if HOSTILE in box]
    # Two prompts, the answer, the call, the system's, the live one, two comments, the error.
    assert len(shown) >= 9
    assert [box for box in page.boxes if box.strip("\n") == "W" * 20_000 or "W" * 19_000 in box]


def test_an_item_is_shown_to_the_letter_on_its_own_page(look: Look, talk: Talk):
    page = look(pages(talk)["item"])
    assert HOSTILE in page.boxes[1]


def test_templates_never_read_stored_text_as_a_template(look: Look, talk: Talk):
    page = look(links.transcript(talk.id))
    assert "{{ 7|add:7 }}" in page.text and "{% now 'Y' %}" in page.text


def test_titles_and_names_turn_no_words_around(look: Look, talk: Talk):
    for name in ("list", "deletion", "responses"):
        assert "\u202e" not in look(pages(talk)[name]).html.split("</title>")[0]
    page = look(pages(talk)["deletion"])
    assert "\u202e" not in page.html


def test_deleting_says_a_hostile_name_harmlessly(boss: Client, talk: Talk):
    ids = [talk.id, Talk(talk.owner, HOSTILE[:200]).id]
    answer = boss.post(
        reverse("admin:chat_conversation_changelist"),
        {"action": "delete_selected", "_selected_action": ids},
    )
    page = Page(answer.content.decode())
    assert_harmless(page)
    assert "Conversations: 2" in page.words
    assert Conversation.objects.filter(pk__in=ids).count() == 2
