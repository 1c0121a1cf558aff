"""How long upstream asks to wait: read from headers and words, said in short. Pure."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

IN_WORDS = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)m)?(\d+(?:\.\d+)?)(ms|s)\b", re.IGNORECASE
)


def of_headers(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now` (since the epoch), or None when no header names a wait that makes sense.

    `Retry-After` may be seconds or a date; `retry-after-ms` is OpenAI's own, and finer.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def in_words(said: str) -> float | None:
    """ "Please try again in 1m2.5s" → 62.5; None when no wait is named."""
    found = IN_WORDS.search(said)
    if found is None:
        return None
    minutes, number, unit = found.groups()
    return int(minutes or 0) * 60 + float(number) / (1000 if unit.lower() == "ms" else 1)


def in_short(seconds: float) -> str:
    """10.2 → "11s"; 90 → "1m 30s"; 4000 → "1h 7m". Rounded up: a second early is refused again."""
    whole = max(1, math.ceil(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    minutes = math.ceil(whole / 60)
    return f"{minutes // 60}h {minutes % 60}m"


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
