"""Sources that an answer names, each once, however often upstream repeats them. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from chat.providers.base import Citation
from chat.providers.loose_json import loads
from chat.providers.surrogates import keepable

MAX_CITATIONS = 200
MAX_URL_CHARS = 2000
MAX_TITLE_CHARS = 300


class Citations:
    """Remembers what was cited. Perplexity repeats its whole list in every chunk."""

    __slots__ = ("_read", "_urls")

    def __init__(self) -> None:
        self._read: set[bytes] = set()
        self._urls: set[str] = set()

    def new_in(self, *lists: msgspec.Raw) -> list[Citation]:
        """The citations of these lists that were not there before; the first list names best."""
        found: list[Citation] = []
        for each in map(bytes, lists):
            if each and each not in self._read and len(self._read) < MAX_CITATIONS:
                self._read.add(each)
                found += self._new_of(loads(each))
        return found

    def _new_of(self, entries: Any) -> Iterator[Citation]:
        for entry in entries if isinstance(entries, list) else ():
            citation = citation_of(entry)
            if citation is None or citation.url in self._urls:
                continue
            if len(self._urls) >= MAX_CITATIONS:
                return
            self._urls.add(citation.url)
            yield citation


def citation_of(entry: Any) -> Citation | None:
    """A bare address, `{url, title}`, or OpenAI's annotation around one. Web addresses only."""
    if isinstance(entry, dict):
        inner = entry.get("url_citation")
        entry = inner if isinstance(inner, dict) else entry
        url, title = entry.get("url"), entry.get("title")
    else:
        url, title = entry, None
    if not isinstance(url, str) or len(url) > MAX_URL_CHARS:
        return None
    # The address becomes a link in a page.
    if not url.startswith(("https://", "http://")):
        return None
    name = title[:MAX_TITLE_CHARS] if isinstance(title, str) and title.strip() else url
    return Citation(keepable(url), keepable(name))
