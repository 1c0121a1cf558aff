"""Fields of our own."""

from typing import Any

from django.db import models

from chat.protocol import ids


class PublicIdField(models.CharField):  # type: ignore[type-arg]
    """A public identifier (`chat.protocol.ids`).

    Spelled out, the column's type spares each key and foreign key the second index that Django adds
    to a `varchar` for LIKE: nobody looks ids up by a part of them, and items are inserted often.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = ids.MAX_ID_CHARS
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return f"character varying({self.max_length})"
