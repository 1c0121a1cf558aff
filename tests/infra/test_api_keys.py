"""API keys: shown once, kept as a digest."""

import hashlib
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat import api_keys
from chat.models import ApiKey, User


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("api_key", *arguments, stdout=out)
    return out.getvalue()


def test_a_key_is_43_random_characters_behind_a_prefix() -> None:
    key, prefix, digest = api_keys.mint()
    assert re.fullmatch(r"sk-ij-[A-Za-z0-9_-]{43}", key)
    assert prefix == key[:12]
    assert digest == hashlib.sha256(key.encode()).hexdigest() == api_keys.digest(key)
    assert api_keys.mint()[0] != key


def test_whatever_a_client_sends_as_a_key_has_a_digest() -> None:
    assert len(api_keys.digest("")) == len(api_keys.digest("\ud800 é")) == 64


@pytest.mark.django_db
def test_the_command_prints_a_key_and_keeps_its_digest_only() -> None:
    user = User.objects.create_user("ada-with-a-key")
    key = printed("ada-with-a-key", "--name", "nightly job").strip()
    row = ApiKey.objects.get(user=user)
    assert (row.user, row.name, row.prefix) == (user, "nightly job", key[:12])
    assert row.digest == api_keys.digest(key)
    assert row.revoked_at is None
    assert key not in str(ApiKey.objects.values())


@pytest.mark.django_db
def test_every_call_makes_another_key() -> None:
    assert printed("bob-with-keys", "--create-user") != printed("bob-with-keys")
    assert ApiKey.objects.filter(user__username="bob-with-keys").count() == 2


@pytest.mark.django_db
def test_a_user_who_was_made_for_a_key_cannot_sign_in_with_a_password() -> None:
    printed("robot", "--create-user")
    robot = User.objects.get(username="robot")
    assert not robot.has_usable_password()
    assert not robot.is_staff


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody"], "there is no user 'nobody': add --create-user to make one"),
        (["no body", "--create-user"], "Enter a valid username"),
        (["keyless", "--create-user", "--name", "n" * 101], "at most 100 characters"),
    ],
)
def test_a_mistake_makes_nothing_and_is_told_in_one_line(arguments: list[str], why: str) -> None:
    before = User.objects.count(), ApiKey.objects.count()
    with pytest.raises(CommandError, match=re.escape(why)) as caught:
        printed(*arguments)
    assert "\n" not in str(caught.value)
    assert (User.objects.count(), ApiKey.objects.count()) == before
