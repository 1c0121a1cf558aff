"""Old and new processes serve side by side while one replaces the other: the tables suit both.

What a release knows of the tables must hold while the next one runs on them already: nothing that
it names goes, and what it does not name fills itself.
"""

import pytest
from django.db import connection
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import StateApps

FIRST = ("chat", "0002_guards")
CASCADE = "c"
ADDITIVE = (
    operations.CreateModel,
    operations.AddField,
    operations.AddIndex,
    operations.RunSQL,
    operations.RunPython,
)


@pytest.fixture
def loader(database) -> MigrationLoader:
    return MigrationLoader(connection)


def later(loader: MigrationLoader) -> list[tuple[str, str]]:
    """The migrations of the chat since the first release, in order."""
    leaf = loader.graph.leaf_nodes("chat")[0]
    return [each for each in loader.graph.forwards_plan(leaf) if each[0] == "chat" and each > FIRST]


def test_migrations_only_add(loader: MigrationLoader):
    found = [
        (name, operation)
        for _, name in later(loader)
        for operation in loader.disk_migrations["chat", name].operations
    ]
    assert found
    others = [(name, each) for name, each in found if not isinstance(each, ADDITIVE)]
    assert others == [], "an old process beside the new one would break"


def test_columns_that_an_old_process_does_not_name_fill_themselves(loader: MigrationLoader):
    old = loader.project_state([FIRST]).apps
    new = loader.project_state(loader.graph.leaf_nodes("chat")).apps
    added = []
    for model in old.get_app_config("chat").get_models():
        known = {field.column for field in model._meta.fields}
        now = new.get_model("chat", model.__name__)
        added += [(now._meta.db_table, f.column) for f in now._meta.fields if f.column not in known]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_default IS NULL AND is_nullable = 'NO'"
        )
        empty = set(cursor.fetchall())
    assert added
    assert [each for each in added if each in empty] == []


def test_what_an_old_process_removes_takes_with_it_what_it_knows_nothing_of(
    loader: MigrationLoader,
):
    old = tables(loader.project_state([FIRST]).apps)
    new = tables(loader.project_state(loader.graph.leaf_nodes("chat")).apps) - old
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, conname, confdeltype::text FROM pg_constraint"
            " WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)",
            [list(new)],
        )
        keys = cursor.fetchall()
    assert keys
    assert [(table, name) for table, name, on_delete in keys if on_delete != CASCADE] == []


def tables(apps: StateApps) -> set[str]:
    return {model._meta.db_table for model in apps.get_app_config("chat").get_models()}
