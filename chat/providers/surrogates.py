"""Text that can be kept: NUL and lone surrogates become U+FFFD. Pure.

Postgres stores neither. A pair of surrogates that upstream cut in two, one half a delta, is put
together again: the first half is held back until the next text of the same channel comes.
"""

import re
from typing import Any

MAX_DEPTH = 64
REPLACEMENT = "\ufffd"

_SURROGATE = re.compile("[\ud800-\udfff]")


class Mender:
    """Makes text keepable, channel by channel. Only for text that may be broken: it is slow."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def mend(self, channel: str, text: str) -> str:
        """The text with what was held before it, without what must be held now; may be empty."""
        text = self.held.pop(channel, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self.held[channel] = text[-1]
            text = text[:-1]
        return keepable(text)


def keepable(text: str) -> str:
    """`text` with pairs of surrogates joined, and what Postgres cannot store as U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def keepable_value(value: Any, depth: int = 0) -> Any:
    """Any JSON so that it can be kept: its strings mended, numbers beyond 64 bits null.

    Raises RecursionError for what is nested more than 64 deep.
    """
    if isinstance(value, str):
        return keepable(value)
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {keepable(key): keepable_value(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [keepable_value(each, depth + 1) for each in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    return value
