"""JSON as servers send it, read with patience: what is of another type than it should be is not
there. Pure.

For what a strict decoder refused: it loses only what cannot be kept. Must not know which API it is.
"""

import json
from typing import Any

import msgspec

Found = dict[str, Any]


def loads(raw: bytes | msgspec.Raw) -> Any:
    """Any JSON, forgiving bad UTF-8, control characters and lone surrogates.

    Raises ValueError for what is not JSON and RecursionError for what is nested without end.
    """
    return json.loads(bytes(raw).decode("utf-8", "replace"), strict=False)


def text(found: Found, key: str) -> str | None:
    value = found.get(key)
    return value if isinstance(value, str) else None


def integer(found: Found, key: str) -> int | None:
    value = found.get(key)
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def mapping(found: Found, key: str) -> Found | None:
    value = found.get(key)
    return value if isinstance(value, dict) else None


def listing(found: Found, key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def raw(found: Found, key: str) -> msgspec.Raw:
    # ASCII only: escapes carry lone surrogates where UTF-8 cannot.
    return msgspec.Raw(json.dumps(found[key]).encode()) if key in found else msgspec.Raw()
