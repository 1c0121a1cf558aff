"""What goes into columns: items and batches, on their way into one statement."""

from collections.abc import Sequence
from typing import Any

from chat.protocol.batch import Batch
from chat.protocol.events import encode_json
from chat.protocol.items import Item, plain_text


def item_columns(items: Sequence[Item]) -> dict[str, Any]:
    return {
        "count": len(items),
        "item_ids": [item["id"] for item in items],
        "types": [item["type"] for item in items],
        "roles": [item.get("role") for item in items],
        "statuses": [item.get("status", "completed") for item in items],
        "bodies": [body_text(item) for item in items],
        "texts": [plain_text(item) for item in items],
    }


def batch_columns(batch: Batch) -> dict[str, Any]:
    return {
        "first_number": batch.first_number,
        "last_number": batch.last_number,
        "events": batch.text,
    }


def body_text(item: Item) -> str:
    """What of an item has no column of its own, as JSON."""
    own = ("id", "type", "role", "status")
    return encode_json({name: value for name, value in item.items() if name not in own}).decode()
