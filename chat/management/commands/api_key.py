"""`manage.py api_key`: give a program a key to the API."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, transaction

from chat import api_keys
from chat.models import ApiKey, User


class Command(BaseCommand):
    help = "Make a new API key for a user and print it. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--create-user", action="store_true", help="make the user if missing")
        parser.add_argument("--name", default="", help="what the key is for, as the admin shows it")

    def handle(
        self, *_args: Any, username: str, create_user: bool, name: str, **_options: Any
    ) -> None:
        try:
            with transaction.atomic():
                user = _user(username, create_user)
                key = _key(user, name)
        except OperationalError as error:
            raise CommandError(
                "the database does not answer: start it with `make run`, or set DATABASE_URL"
            ) from error
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(key)


def _user(username: str, create: bool) -> User:
    user = User.objects.filter(username=username).first()
    if user is not None:
        return user
    if not create:
        raise CommandError(f"there is no user '{username}': add --create-user to make one")
    user = User(username=username)
    # Nobody signs in with it: a key is all that this user has until a password is set.
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


def _key(user: User, name: str) -> str:
    key, prefix, digest = api_keys.mint()
    row = ApiKey(user=user, name=name, prefix=prefix, digest=digest)
    row.full_clean(exclude=["user"])
    row.save()
    return key
