"""Small coloured words: a status, a rating. Colour never says what the word does not."""

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from chat.protocol import lifecycle

_TONES = {
    lifecycle.QUEUED: "live",
    lifecycle.IN_PROGRESS: "live",
    lifecycle.COMPLETED: "fine",
    lifecycle.INCOMPLETE: "warning",
    lifecycle.CANCELLED: "quiet",
    lifecycle.FAILED: "bad",
}
_RATINGS = {1: ("good", "fine"), 0: ("taken back", "quiet"), -1: ("bad", "bad")}


def badge(text: str, tone: str) -> SafeString:
    return format_html('<span class="badge badge-{}">{}</span>', tone, text)


def badges(each: Iterable[SafeString]) -> SafeString:
    return format_html_join(" ", "{}", ((one,) for one in each))


def status(name: str, count: int | None = None) -> SafeString:
    """A status, with the number of responses that have it."""
    words = name.replace("_", " ")
    return badge(words if count is None else f"{count:,} {words}", _TONES.get(name, "quiet"))


def rating(value: int, count: int | None = None) -> SafeString:
    words, tone = _RATINGS.get(value, (str(value), "quiet"))
    return badge(words if count is None else f"{count:,} {words}", tone)
