"""What an empty database needs before it can serve: itself, its tables, somebody to sign in as.

Every step looks first and does nothing where nothing is missing, so that it costs a later start
little.
"""

import secrets
from collections.abc import Callable

import psycopg
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from project.postgres_folder import DATABASE
from project.preflight import CannotStart, first_line

OLDEST_POSTGRES = 15
ADMIN = "admin"
# Without what looks alike.
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105
PASSWORD_GROUPS, GROUP_CHARS = 4, 5


def create_database(server_url: str) -> None:
    """Create our database on the private server, by way of the one that is always there."""
    with psycopg.connect(server_url, autocommit=True) as server:
        known = server.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            server.execute(f"CREATE DATABASE {DATABASE}")


def connect() -> str:
    """Raise `CannotStart` where the database does not answer, or is too old."""
    try:
        connection.ensure_connection()
    except Error as error:
        raise CannotStart(
            f"DATABASE_URL: {first_line(error)}: see to that Postgres, or unset DATABASE_URL"
        ) from error
    version = connection.get_database_version()[0]
    if version < OLDEST_POSTGRES:
        raise CannotStart(f"DATABASE_URL: Postgres {version} is older than {OLDEST_POSTGRES}")
    return f"Postgres {version}"


def migrate() -> str:
    """Bring the tables up to date."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return "up to date"
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except Error as error:
        raise CannotStart(f"the tables cannot be made: {first_line(error)}") from error
    return f"{len(plan)} migrations applied"


def admin(say: Callable[[str], None]) -> None:
    """Make an account for the admin where there is none, and say its password, this once."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return
    name, number = ADMIN, 1
    while users.filter(username=name).exists():
        number += 1
        name = f"{ADMIN}{number}"
    password = "-".join(
        "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(GROUP_CHARS))
        for _ in range(PASSWORD_GROUPS)
    )
    users.create_superuser(username=name, password=password)
    say("\n  An account for /admin/ was made. Its password is shown this once:")
    say(f"      name      {name}\n      password  {password}\n")
