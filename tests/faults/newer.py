"""A newer version of the service: a copy of this one, with what a later release may add to it.

Columns and tables that this version knows nothing of, fields in whatever processes tell each other
and keep, a notice of another kind, and messages that are no notice.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.service import ROOT, database_url

COPIED, LINKED = ("chat", "project"), ("static", "templates", "docs")
NAME = "9999_newer"
MIGRATIONS = Path("chat", "migrations")

# What stands at the end of a module, and so has the last word.
MORE = {
    "chat/models/conversations.py": """
Response.add_to_class("mood", models.CharField(max_length=8, db_default="", blank=True))
""",
    "chat/protocol/events.py": """
_encode_events = encode_events


def encode_events(response_id, first_number, events):
    moody = [{**event, "mood": "sunny"} for event in events]
    return _encode_events(response_id, first_number, moody)
""",
    "chat/protocol/batch.py": """
class Batch(Batch, frozen=True, array_like=True):
    mood: str = "sunny"


_decoder = msgspec.msgpack.Decoder(list[Batch])
""",
    "chat/engine/notices.py": """
class Started(Started, frozen=True, tag="started"):
    mood: str = "sunny"


class Ended(Ended, frozen=True, tag="ended"):
    mood: str = "sunny"


class Mooded(Notice, frozen=True, tag="mooded"):
    mood: str


AnyNotice = (
    Started | Owned | Switched | Ended | QueueChanged | Typing | Titled | Removed | SteerHeld
    | SteerFailed | Intended | Mooded
)
_decoder = msgspec.msgpack.Decoder(AnyNotice)
KINDS |= {"mooded"}
""",
    "chat/engine/bus.py": """
class _Talkative:
    def __init__(self, layer):
        self._layer = layer

    def __getattr__(self, name):
        return getattr(self._layer, name)

    async def send(self, channel, message):
        await self._layer.send(channel, {**message, "season": "spring"})
        await self._layer.send(channel, {"type": "weather", "by": message.get("by", channel)})

    async def group_send(self, group, message):
        await self._layer.group_send(group, {**message, "season": "spring"})
        await self._layer.group_send(group, {"type": "weather", "by": message["by"]})


class Bus(Bus):
    def __init__(self, layer, *others):
        super().__init__(_Talkative(layer), *others)

    def tell(self, notice, *when, **more):
        super().tell(notice, *when, **more)
        if not isinstance(notice, notices.Mooded):
            super().tell(notices.Mooded(notice.conversation_id, "sunny"))
""",
    "chat/engine/intents.py": """
_add = add


async def add(pool, response_id, kind, payload, receiving=NOT_RECEIVED):
    return await _add(pool, response_id, kind, {**payload, "mood": "sunny"}, receiving)
""",
    "chat/engine/starting.py": """
_start = start


async def start(connection, opening):
    opened = await _start(connection, opening)
    if opened is not None:
        await connection.execute(
            "WITH said AS (UPDATE chat_response SET mood = 'sunny' WHERE id = %(id)s)"
            " INSERT INTO mood VALUES (%(id)s, 'sunny')", {"id": opening.info.id}
        )
    return opened
""",
}
MIGRATION = """
from django.db import migrations, models

TABLES = ("lease", "log", "intent", "chat_item", "chat_conversation", "chat_waitingprompt")


class Migration(migrations.Migration):
    # One table at a time: whoever runs meanwhile may hold two of them the other way round.
    atomic = False
    dependencies = [("chat", "{leaf}")]
    operations = [
        migrations.AddField(
            "response", "mood", models.CharField(max_length=8, db_default="", blank=True)
        ),
        migrations.RunSQL(
            "CREATE TABLE mood (response_id varchar PRIMARY KEY"
            " REFERENCES chat_response ON DELETE CASCADE, mood text NOT NULL)",
            "DROP TABLE mood",
        ),
        *[
            migrations.RunSQL(
                f"ALTER TABLE {{table}} ADD COLUMN region text NOT NULL DEFAULT 'north'",
                f"ALTER TABLE {{table}} DROP COLUMN region",
            )
            for table in TABLES
        ],
    ]
"""


def make(folder: Path) -> Path:
    """Make it in the folder. Returns where its code is."""
    root = folder / "newer"
    root.mkdir()
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LINKED:
        (root / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "manage.py", root)
    for module, more in MORE.items():
        with (root / module).open("a") as code:
            code.write(more)
    (root / MIGRATIONS / f"{NAME}.py").write_text(MIGRATION.format(leaf=latest()))
    return root


def latest() -> str:
    """This version's last migration."""
    return max(each.stem for each in (ROOT / MIGRATIONS).glob("0*.py"))


def migrate(root: Path, to: str = NAME) -> None:
    """Bring the tests' database to a migration, as a release does it: others may be using it."""
    command = [sys.executable, "-W", "ignore", "manage.py", "migrate", "chat", to, "-v0"]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    subprocess.run(command, cwd=root, env=environment, check=True)
