"""What the environment says: every setting read, typed and checked when the service starts.

An empty value is silence. `NAME_FILE` names a file that holds NAME's value. Must not know Django:
the launcher reads it before there is a database, and `project.settings` turns it into Django's
settings.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from environs import EnvError, FileAwareEnv

from chat.providers import provider_file
from chat.providers.members import Member
from project import origins
from project.setting_table import Chat, Row, Service, rows

BASE_DIR = Path(__file__).resolve().parent.parent
Table = TypeVar("Table", Service, Chat)


class InvalidSetting(Exception):
    """A setting that cannot be used; its text is one line for whoever set it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} {why}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Environment:
    """Every setting, read and checked."""

    service: Service
    chat: Chat
    providers: Sequence[Member] = ()


KINDS = {
    str: ("str", "text"),
    int: ("int", "a whole number"),
    float: ("float", "a number"),
    bool: ("bool", "true or false"),
    tuple[str, ...]: ("list", "a list separated by commas"),
}


def is_set(name: str) -> bool:
    return bool(os.environ.get(name, "").strip() or os.environ.get(f"{name}_FILE", "").strip())


def _one(env: FileAwareEnv, name: str, kind: Any, row: Row) -> Any:
    method, spoken = KINDS[kind]
    try:
        value = getattr(env, method)(name)
    except EnvError as error:
        given = "" if row.secret else f", and is '{os.environ.get(name, '')}'"
        raise InvalidSetting(name, f"must be {spoken}{given}") from error
    except (ValueError, OSError) as error:
        raise InvalidSetting(f"{name}_FILE", "must be the path of a readable file") from error
    if isinstance(value, list):
        value = tuple(part.strip() for part in value if part.strip())
    if row.check is not None and (why := row.check(value)):
        raise InvalidSetting(name, why)
    return value


def _read(env: FileAwareEnv, table: type[Table]) -> Table:
    kinds = get_type_hints(table)
    defaults = {each.name: each.default for each in fields(table)}
    values: dict[str, Any] = {}
    for name, each, row in rows(table):
        if is_set(name):
            values[each.name] = _one(env, name, kinds[each.name], row)
        elif row.like is not None:
            values[each.name] = values.get(row.like, defaults[row.like])
    return table(**values)


def _derived(service: Service) -> Service:
    """Fill in what follows from other settings where nothing was set."""
    allowed = tuple(filter(None, map(origins.normal, service.allowed_origins)))
    allowed = allowed or origins.derived(service.host, service.port)
    hosts = service.allowed_hosts + origins.hosts(allowed)
    secure = bool(allowed) and all(origin.startswith("https://") for origin in allowed)
    return replace(
        service,
        allowed_origins=allowed,
        allowed_hosts=hosts if allowed or service.allowed_hosts else ("*",),
        secure=service.secure if is_set("SECURE") else secure,
    )


def _agree(chat: Chat) -> None:
    """Raise for settings that are each right but cannot be together."""
    if chat.window_bytes > chat.outstanding_bytes:
        raise InvalidSetting("CHAT_WINDOW_BYTES", "is more than CHAT_OUTSTANDING_BYTES")
    if chat.pulse_ms / 1000 > chat.lease_seconds / 3:
        raise InvalidSetting("CHAT_PULSE_MS", "is more than a third of CHAT_LEASE_SECONDS")


def _providers(env: FileAwareEnv, chat: Chat) -> Sequence[Member]:
    """The members of the file of providers, with their keys; none without one."""
    if not chat.providers:
        return ()
    path = Path(BASE_DIR, chat.providers)

    def secret(name: str) -> str:
        row = Row("a provider's key", secret=True)
        return str(_one(env, name, str, row)) if is_set(name) else ""

    try:
        return provider_file.read(path.name, path.read_bytes(), secret)
    except OSError:
        raise InvalidSetting("CHAT_PROVIDERS", "must be the path of a readable file") from None
    except provider_file.BadFile as error:
        raise InvalidSetting("CHAT_PROVIDERS", f"names {path}: {error}") from None


def read() -> Environment:
    """Read every setting from the environment. Raises `InvalidSetting`."""
    env = FileAwareEnv(strip_whitespace=True)
    service, chat = _read(env, Service), _read(env, Chat)
    _agree(chat)
    return Environment(_derived(service), chat, _providers(env, chat))
