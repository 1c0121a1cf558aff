"""Who looks at the admin's pages."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from chat.models import User
from tests.review.page import Page
from tests.service import Account, new_account

BACKEND = "django.contrib.auth.backends.ModelBackend"


def staff_with(*permissions: str) -> User:
    """A new member of the staff who has these permissions of the app and no others."""
    user = new_account().user
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    found = Permission.objects.filter(content_type__app_label="chat", codename__in=permissions)
    assert found.count() == len(permissions)
    user.user_permissions.set(found)
    return user


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, BACKEND)
    return client


@pytest.fixture
def owner(account: Account) -> User:
    """Whose conversations are looked at."""
    return account.user


@pytest.fixture
def boss(database) -> Client:
    """A member of the staff who may do everything."""
    user = new_account().user
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    return client_of(user)


@pytest.fixture
def look(boss: Client) -> Callable[[str], Page]:
    """A page as it is shown to who may see everything."""

    def see(path: str) -> Page:
        answer = boss.get(path)
        assert answer.status_code == 200, answer
        return Page(answer.content.decode())

    return see
