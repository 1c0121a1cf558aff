"""What is kept costs a reader the same number of queries, however much of it there is."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import User
from tests.bench.stored import queries_to_open
from tests.review.making import Talk
from tests.service import Account


@pytest.fixture
def page(account: Account) -> Client:
    client = Client()
    client.force_login(
        User.objects.get(username=account.username),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.mark.parametrize("path", ["/", "/conversations", "/conversations?q=prompt"])
def test_the_sidebar_costs_the_same_number_of_queries_whatever_is_on_it(page, account, path):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(path).status_code == 200
        return len(captured)

    Talk(account.user, "prompt 0").respond("prompt", "answer")
    queries()  # The first request of all loads what later ones share.
    one = queries()
    for number in range(1, 40):
        Talk(account.user, f"prompt {number}").respond("prompt", "answer")
    assert queries() == one


def test_a_snapshot_costs_the_same_number_of_queries_however_long_the_conversation(account):
    short, long = Talk(account.user), Talk(account.user)
    short.respond("prompt", "answer")
    for number in range(60):
        long.respond(f"prompt {number}", f"answer {number}")
    of_short, of_long = async_to_sync(queries_to_open)(account.user.pk, [short.id, long.id])
    assert of_short == of_long > 0
