"""The members of a pool, as values: who they are, what they serve and how much they take. Pure.

Owns the shapes that the file of providers becomes. Must not know files, the environment or clocks.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from chat.providers.base import Limits

Api = Literal["chat_completions", "responses", "demo"]


class Key(msgspec.Struct, frozen=True):
    """A key of a member. `name` is that of the variable it came from; empty: no key is sent."""

    name: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


NO_KEY = Key()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream of a pool.

    `models`: our name of each model that it offers → its own name, the default first; None: what it
    lists, by its own names. A lower `priority` is asked first; among equals `weight` is a share.
    `max_concurrent` and `requests_per_minute` hold for each key, 0: without a limit. `given_limits`
    are fields of `Limits`.
    """

    name: str
    api: Api = "chat_completions"
    base_url: str = ""
    keys: Sequence[Key] = (NO_KEY,)
    models: Mapping[str, str] | None = None
    priority: int = 1
    weight: int = 1
    max_concurrent: int = 0
    requests_per_minute: int = 0
    given_limits: Mapping[str, float] = {}

    def limits(self, usual: Limits) -> Limits:
        """The usual limits, but for those that are the member's own."""
        return msgspec.structs.replace(usual, **self.given_limits)


class Candidate(msgspec.Struct, frozen=True):
    """A member's key that may be asked for a model. `key` names it among those of all members."""

    member: str
    key: str
    model: str
    max_concurrent: int = 0
    requests_per_minute: int = 0


def key_id(member: str, key: Key) -> str:
    """What a key is called where its state is kept: never the key itself."""
    return f"{member}/{key.name}" if key.name else member
