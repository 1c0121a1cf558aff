"""What makes two prompts the same: a digest of everything that a provider is asked. Pure.

Owns what of a request counts. All that goes upstream does, hints as well: a program may tell its
own users apart by `user`, and none of them is to be given another one's answer. What is ours does
not: the ids of items, and the names that calls and their outputs find each other by.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from chat.protocol.items import Item
from chat.providers.base import ModelRequest

# To be raised when a request, or what is kept of an answer, comes to mean something else.
VERSION = 1

_NOTHING: tuple[Any, ...] = (None, "", [], ())
_encode = msgspec.json.Encoder(order="sorted").encode


def key_of(request: ModelRequest, scope: str) -> str:
    """SHA-256, in hex. `scope`: among whom the answer may go round; each is a world of its own."""
    fields = msgspec.structs.asdict(request)
    asked = {name: value for name, value in fields.items() if value not in _NOTHING}
    asked["items"] = list(_compared(request.items))
    return hashlib.sha256(_encode([VERSION, scope, asked])).hexdigest()


def _compared(items: Iterable[Item]) -> Iterable[Item]:
    """The items without what is minted anew in every conversation. Calls are numbered instead."""
    numbers: dict[Any, int] = {}
    for item in items:
        compared = {name: value for name, value in item.items() if name != "id"}
        if isinstance(call_id := item.get("call_id"), str):
            compared["call_id"] = numbers.setdefault(call_id, len(numbers))
        yield compared
