"""Text that can be kept: NUL and lone surrogates become U+FFFD. Pure.

Postgres stores neither. A pair of surrogates that upstream cut in two, one half a delta, is put
together again: the first half is held back until the next text of the same channel comes.
"""

import re

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
