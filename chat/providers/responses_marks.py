"""What stands beside a text of the Responses API: annotations and log probabilities. Pure.

Owns what of them is fit to be kept and shown. Must not know where they belong.
"""

from typing import Any

import msgspec

from chat.protocol.deltas import Annotation, Citation
from chat.providers.citations import citation_of
from chat.providers.surrogates import keepable, keepable_value

Found = dict[str, Any]

MAX_ANNOTATION_BYTES = 10_000


def annotation_of(found: Any) -> Annotation | Citation | None:
    """An annotation of any type as it came; a source of which no place is named, as a citation."""
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        return None
    if found["type"] != "url_citation":
        kept = keepable_value(found)
        return Annotation(kept) if len(key_of(kept)) <= MAX_ANNOTATION_BYTES else None
    citation = citation_of(found)
    if citation is None:
        return None
    start, end = found.get("start_index"), found.get("end_index")
    if not (isinstance(start, int) and isinstance(end, int)):
        return citation
    place = {"start_index": start, "end_index": end}
    named = {"type": "url_citation", "url": citation.url, "title": citation.title}
    return Annotation({**named, **keepable_value(place)})


def key_of(value: Any) -> bytes:
    """By which the same is known when it comes again."""
    return msgspec.json.encode(value)


def logprobs_of(found: Any) -> list[Found]:
    """The entries that have a token and a number, with all fields that they need."""
    return [_entry(each) for each in found if _is_entry(each)] if isinstance(found, list) else []


def _is_entry(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("token"), str)
        and isinstance(found.get("logprob"), int | float)
    )


def _entry(found: Found) -> Found:
    others = found.get("top_logprobs")
    return {
        **_token(found),
        "top_logprobs": [_token(each) for each in others if _is_entry(each)]
        if isinstance(others, list)
        else [],
    }


def _token(found: Found) -> Found:
    token = keepable(found["token"])
    given = found.get("bytes")
    return {
        "token": token,
        "logprob": found["logprob"],
        "bytes": keepable_value(given) if isinstance(given, list) else list(token.encode()),
    }
