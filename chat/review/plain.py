"""Stored text on a line of the page's own: a title in a list, a name in a sentence.

Escaping is the templates' business. This takes out what escaping leaves: line ends, controls, and
the marks that turn the direction of writing, by which a title could rearrange the words around it.
"""

import json
import re
from datetime import datetime
from typing import Any

LINE_CHARS = 100
SHOWN_CHARS = 20_000

_TURNS_OR_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+"
)


def one_line(text: str, max_chars: int = LINE_CHARS) -> str:
    """The beginning of a text, on one line that reads in one direction."""
    # Cut before it is cleaned: a text may be a megabyte long.
    line = _TURNS_OR_CONTROLS.sub(" ", text[: max_chars * 2]).strip()
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"


def pretty(value: Any, max_chars: int | None = SHOWN_CHARS) -> str:
    """A JSON value to read, cut where it gets too long for a page."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if max_chars is None or len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}\n… {len(text) - max_chars:,} characters more"


def moment(when: datetime | None) -> str:
    """A time to the minute, in UTC like all times of the admin."""
    return f"{when:%Y-%m-%d %H:%M}" if when else ""
