"""Items that only the server which made them understands: those of hosted tools, of compaction.

They are kept and given back as they are. Knows their names, and nothing of their fields.
"""

import re
from typing import Any

from chat.protocol import ids

Item = dict[str, Any]

MAX_TYPE_CHARS = 32
_MAX_NAME_CHARS = 16
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What a client may bring along. A type that is none of these is more likely misspelt than new.
_BROUGHT = re.compile(r"[a-z0-9_]+_call(_output)?|mcp_[a-z_]+|compaction")
# Ours, or placed anew by who keeps the item.
_OURS = ("id", "type", "role", "status", "interject", "response_id", "direction", "output_index")


def is_kept(kind: Any) -> bool:
    """Whether an item of this type, whatever it is, can be kept."""
    return isinstance(kind, str) and len(kind) <= MAX_TYPE_CHARS and bool(_NAME.fullmatch(kind))


def is_taken(kind: str) -> bool:
    """Whether a client may bring items of this type, although they mean nothing here."""
    return is_kept(kind) and bool(_BROUGHT.fullmatch(kind))


def as_kept(item: Item) -> Item:
    """The item with an id of ours, and all else that it came with. Its type can be kept."""
    kept = {
        "type": item["type"],
        "id": ids.item_id(item["type"]),
        "status": _name(item.get("status")) or "completed",
    }
    role = _name(item.get("role"))
    if role:
        kept["role"] = role
    return kept | {name: value for name, value in item.items() if name not in _OURS}


def _name(value: Any) -> str | None:
    """A word that fits its column."""
    return value if isinstance(value, str) and len(value) <= _MAX_NAME_CHARS else None
