"""Conversations are found by user, text, date, model, status and rating, however many there are."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import Conversation, Feedback, User
from chat.protocol import lifecycle
from chat.review import fulltext, lists
from chat.review.search import search
from tests.review.making import Talk
from tests.review.page import Page
from tests.service import new_account

LIST = reverse("admin:chat_conversation_changelist")
Look = Callable[[str], Page]


def found(look: Look, query: str, owner: User) -> set[str]:
    """The titles of the owner's conversations on the list. Others share the database."""
    page = look(f"{LIST}?owner__id__exact={owner.pk}&{query}")
    titles = Conversation.objects.filter(owner=owner).values_list("title", flat=True)
    return {title for title in titles if title in page.text}


def test_a_conversation_is_listed_with_what_matters_of_it(look: Look, owner: User):
    talk = Talk(owner, "A talk about zebras")
    talk.respond("one", "two", model="model-a", status=lifecycle.FAILED)
    talk.respond("three", "four", model="model-b", status=lifecycle.CANCELLED)
    last = talk.respond("five", "six", status=lifecycle.IN_PROGRESS)
    Feedback.objects.create(user=owner, response=last, rating=-1, comment="no")
    words = look(f"{LIST}?owner__id__exact={owner.pk}").words
    row = words[words.index("A talk about zebras") :]
    for said in (
        owner.username,
        "model-a, model-b, test-model",
        " 3 ",
        "live",
        "1 failed",
        "1 bad",
    ):
        assert said in row, said
    assert "cancelled" not in row[: row.index(owner.username)]


def test_a_conversation_is_found_by_the_words_of_its_items(look: Look, owner: User):
    Talk(owner, "about quokkas").respond("Tell me of quokkas", "The quokka is a small wallaby")
    Talk(owner, "about wombats").respond("Tell me of wombats", "The wombat digs")
    assert found(look, "q=WALLABY", owner) == {"about quokkas"}
    assert found(look, "q=small+wallaby", owner) == {"about quokkas"}
    assert found(look, "q=%22small+wallaby%22", owner) == {"about quokkas"}
    assert found(look, "q=%22wallaby+small%22", owner) == set()
    assert found(look, "q=tell+-quokkas", owner) == {"about wombats"}
    assert found(look, "q=walla", owner) == set()


def test_a_search_of_text_asks_the_full_text_index():
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    try:
        assert "item_by_text" in fulltext.items_saying("zebra").explain()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan")


def test_words_that_are_everywhere_are_looked_for_in_the_newest_conversations(
    owner: User, monkeypatch
):
    monkeypatch.setattr(fulltext, "MAX_ITEMS", 3)
    monkeypatch.setattr(fulltext, "NEWEST", 2)
    for number in range(4):
        moment = datetime(2026, 1, 1 + number, tzinfo=UTC)
        Talk(owner, f"old {number}", updated_at=moment).respond("ubiquitous", "ubiquitous")
    mine = Conversation.objects.filter(owner=owner).order_by("-updated_at")
    rows, warning = search(mine, "ubiquitous")
    assert {row.title for row in rows} == {"old 3", "old 2"}
    assert warning == fulltext.COMMON


def test_a_conversation_is_found_by_its_user(look: Look, owner: User):
    Talk(owner, "mine").respond("hello")
    other = new_account().user
    Talk(other, "theirs").respond("hello")
    page = look(f"{LIST}?q=user:{owner.username}")
    assert "mine" in page.text
    assert "theirs" not in page.text
    assert f"?owner__id__exact={owner.pk}" in look(f"{LIST}?q={owner.username}").html


def test_a_conversation_is_found_by_its_title_or_by_any_id_in_it(look: Look, owner: User):
    talk = Talk(owner, "The flight of the bumblebee")
    response = talk.respond()
    item = talk.add(response, "anything")
    Talk(owner, "Something else").respond("x")
    wanted = {talk.conversation.title}
    assert found(look, "q=title:bumble", owner) == wanted
    assert found(look, 'q=title:"of the bum"', owner) == wanted
    for some_id in (talk.id, response.pk, item.pk):
        assert found(look, f"q={some_id}", owner) == wanted
    assert found(look, "q=conv_00000000", owner) == set()


def test_a_conversation_is_found_by_date(look: Look, owner: User):
    for month in (1, 2):
        Talk(owner, f"of month {month}", updated_at=datetime(2024, month, 3, tzinfo=UTC))
    year = "updated_at__year=2024"
    assert found(look, year, owner) == {"of month 1", "of month 2"}
    assert found(look, f"{year}&updated_at__month=2", owner) == {"of month 2"}
    assert found(look, f"{year}&updated_at__month=2&updated_at__day=3", owner) == {"of month 2"}
    assert found(look, f"{year}&updated_at__month=2&updated_at__day=4", owner) == set()
    assert "updated_at__month=2" in look(f"{LIST}?{year}").html


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("status=failed", {"went wrong"}),
        ("status=live", {"still runs"}),
        ("status=completed", {"went well"}),
        ("model=other-model", {"went wrong"}),
        ("rating=good", {"went well"}),
        ("rating=bad", {"went wrong"}),
        ("rating=comment", {"went wrong"}),
        ("rating=none", {"still runs"}),
        ("origin__exact=api", {"still runs"}),
        ("status=failed&rating=good", set()),
        ("status=nonsense", set()),
        ("rating=nonsense", {"went wrong", "went well", "still runs"}),
    ],
)
def test_a_conversation_is_found_by_status_model_rating_and_origin(
    look: Look, owner: User, query: str, titles: set[str]
):
    wrong = Talk(owner, "went wrong").respond("x", status=lifecycle.FAILED, model="other-model")
    Feedback.objects.create(user=owner, response=wrong, rating=-1, comment="bad")
    well = Talk(owner, "went well").respond("x")
    Feedback.objects.create(user=owner, response=well, rating=1)
    runs = Talk(owner, "still runs", origin="api").respond("x", status=lifecycle.IN_PROGRESS)
    Feedback.objects.create(user=owner, response=runs, rating=0)
    assert found(look, query, owner) == titles


def test_the_list_costs_the_same_number_of_queries_whatever_is_on_it(boss: Client, owner: User):
    def queries() -> int:
        boss.get(LIST)  # What is looked up once for all is looked up.
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert boss.get(f"{LIST}?owner__id__exact={owner.pk}").status_code == 200
        return len(captured)

    def add(count: int) -> None:
        for number in range(count):
            talk = Talk(owner, f"number {number}")
            for _ in range(3):
                response = talk.respond("x", "y")
            Feedback.objects.create(user=owner, response=response, rating=1)

    add(1)
    few = queries()
    add(30)
    assert queries() == few <= 12


def test_a_long_list_is_counted_up_to_a_bound_only(look: Look, owner: User, monkeypatch):
    monkeypatch.setattr(lists, "MAX_COUNTED", 60)
    Conversation.objects.bulk_create(Conversation(owner=owner) for _ in range(80))
    page = look(f"{LIST}?owner__id__exact={owner.pk}")
    assert "The first 60 conversations: narrow the list to see others." in page.words
    assert look(f"{LIST}?owner__id__exact={owner.pk}&p=2").words.count(owner.username) == 10


@pytest.mark.parametrize(
    "query",
    [
        "q=%00", "model=%00", "updated_at__year=99999", "updated_at__year=9999",
        "updated_at__month=x", "owner__id__exact=x", "nonsense=1", "p=999", "o=99", "q=%22",
        "q=-%20%26%20|%20!", "q=user:%25", "q=" + "x" * 5000, "q=" + "(" * 500,
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_no_error(boss: Client, query: str):
    assert boss.get(f"{LIST}?{query}", follow=True).status_code == 200


def test_an_address_cannot_ask_about_the_owners_password(boss: Client, owner: User):
    answer = boss.get(f"{LIST}?owner__password__startswith=a")
    assert answer.status_code == 400
