"""The file that `CHAT_PROVIDERS` names → the members of the pool. Pure: text in, values out.

Owns what may stand in it (docs/providers.md). It holds the names of keys, never the keys. Must not
know where file and secrets come from.
"""

import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from chat.providers.base import Limits
from chat.providers.members import NO_KEY, Api, Key, Member

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
# A key that was pasted here in place of its variable's name must not get into a message.
Variable = Annotated[str, Meta(pattern=r"^[A-Z_][A-Z0-9_]*$")]
Model = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]

# The service's own names of the pool, and of no provider at all.
RESERVED = ("pool", "none")

_PLACE = re.compile(r"\$\.provider\[(\d+)\]")


class BadFile(ValueError):
    """What is wrong with the file, in one line that says where."""


class GivenLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that differ from the service's own."""

    connect_seconds: Positive | msgspec.UnsetType = msgspec.UNSET
    first_delta_seconds: Positive | msgspec.UnsetType = msgspec.UNSET
    silence_seconds: Positive | msgspec.UnsetType = msgspec.UNSET
    total_seconds: Positive | msgspec.UnsetType = msgspec.UNSET
    line_bytes: Count | msgspec.UnsetType = msgspec.UNSET
    answer_chars: Count | msgspec.UnsetType = msgspec.UNSET


class GivenProvider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[provider]]`."""

    name: Name
    api: Api = "chat_completions"
    base_url: str = ""
    keys: Sequence[Variable] = ()
    models: list[Model] | dict[Model, Model] = []
    priority: int = 1
    weight: Count = 1
    max_concurrent: Count | None = None
    requests_per_minute: Count | None = None
    limits: GivenLimits = GivenLimits()


class GivenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: Annotated[list[GivenProvider], Meta(min_length=1)]


def read(name: str, content: bytes, secret: Callable[[str], str]) -> list[Member]:
    """The members, in the order of the file. Raises `BadFile`.

    `name` is the file's: one that ends in `.json` is JSON, any other TOML. `secret` gives the value
    of a variable of the environment, empty when it is not set.
    """
    try:
        given = msgspec.convert(_parsed(name, content), GivenFile)
    except msgspec.ValidationError as error:
        raise BadFile(_PLACE.sub(_counted, str(error)).replace("$.", "")) from None
    names = [*RESERVED, *(each.name for each in given.provider)]
    for each in given.provider:
        if names.count(each.name) > 1:
            raise BadFile(f"there are two providers named {each.name!r}, or the service needs it")
    return [_member(each, secret) for each in given.provider]


def _parsed(name: str, content: bytes) -> Any:
    try:
        if name.lower().endswith(".json"):
            return msgspec.json.decode(content)
        return tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise BadFile(f"it cannot be read: {error}") from None


def _counted(place: "re.Match[str]") -> str:
    return f"provider {int(place[1]) + 1}"


def _member(given: GivenProvider, secret: Callable[[str], str]) -> Member:
    if why := _contradiction(given):
        raise BadFile(f"provider {given.name!r} {why}")
    models = given.models if isinstance(given.models, dict) else {m: m for m in given.models}
    return Member(
        name=given.name,
        api=given.api,
        base_url=given.base_url,
        keys=tuple(_key(given, each, secret) for each in given.keys) or (NO_KEY,),
        models=models or None,
        priority=given.priority,
        weight=given.weight,
        max_concurrent=given.max_concurrent or 0,
        requests_per_minute=given.requests_per_minute or 0,
        given_limits=_set_limits(given.limits),
    )


def _contradiction(given: GivenProvider) -> str | None:
    if given.api == "demo":
        return (
            "is a demo, which has no keys and no base_url" if given.keys or given.base_url else None
        )
    if len(set(given.keys)) < len(given.keys):
        return "names a key twice"
    if not given.base_url:
        return None if given.keys else "needs a base_url or keys"
    try:
        is_url = urlsplit(given.base_url).scheme in ("http", "https")
    except ValueError:
        is_url = False
    if not is_url:
        return "needs a base_url such as https://host/v1"
    if given.base_url.rstrip("/").endswith(("/chat/completions", "/responses")):
        return "needs the base_url that paths are added to, such as https://host/v1"
    return None


def _key(given: GivenProvider, name: str, secret: Callable[[str], str]) -> Key:
    value = secret(name)
    if not value:
        raise BadFile(f"provider {given.name!r} wants the key {name}, which is not set")
    return Key(name, value)


def _set_limits(given: GivenLimits) -> dict[str, float]:
    return {
        name: value
        for name in Limits.__struct_fields__
        if (value := getattr(given, name)) is not msgspec.UNSET
    }
