"""What upstream says of a failure → what it means, as one of `failures`. Pure.

Owns how statuses, codes and words are read. Must not know sockets nor any HTTP client.
"""

import re
from typing import Any

from chat.providers import failures
from chat.providers.base import ProviderError
from chat.providers.failures import CONTEXT_LENGTH_EXCEEDED, MODEL_NOT_FOUND, UPSTREAM_AUTH


def of_status(
    status: int, said: str = "", *, code: str = "", retry_after: float | None = None
) -> ProviderError:
    """What an answer with this HTTP status means.

    `said` and `code` are upstream's own message and code, if it gave any; `retry_after` in seconds.
    """
    by_words = _of_words(said, code, status)
    if status == 429:
        return failures.rate_limited(said, code, retry_after)
    if status in (401, 402, 403):
        return failures.refused_key(status)
    if by_words is not None:
        return by_words
    if status == 404:
        return failures.unknown_model(said, status)
    if status in (408, 504, 522, 524):
        error = failures.gave_up(status)
    elif status >= 500:
        error = failures.server_error(said, status=status)
    elif status >= 400:
        error = failures.refused_prompt(said, status)
    else:
        error = failures.not_a_stream()
    error.status = status
    error.retry_after = retry_after
    return error


def of_report(report: Any) -> ProviderError:
    """What an `error` object (or string) in the middle of a stream means."""
    if not isinstance(report, dict):
        return failures.server_error(str(report or ""))
    said, code = message_and_code(report)
    status = report.get("code") if isinstance(report.get("code"), int) else report.get("status")
    if isinstance(status, int) and 400 <= status <= 599:
        return of_status(status, said, code=code)
    if "rate_limit" in code or code in ("insufficient_quota", "too_many_requests"):
        return failures.rate_limited(said, code, None)
    if code in ("invalid_request_error", "content_filter", "content_policy_violation"):
        return _of_words(said, code, None) or failures.refused_prompt(said, 400)
    return _of_words(said, code, None) or failures.server_error(said)


def message_and_code(report: dict[str, Any]) -> tuple[str, str]:
    """What matters of an error object: its message, and its code in words or else its type."""
    said = report.get("message") or report.get("detail") or ""
    code = report.get("code")
    named = code if isinstance(code, str) and code else report.get("type") or ""
    return said if isinstance(said, str) else str(said), str(named).lower()


# Servers agree on statuses more than on codes, and on words more than on either.
WORDS = (
    (
        CONTEXT_LENGTH_EXCEEDED,
        re.compile(
            r"context[_ ](?:length|window|size)|maximum context|too many (?:input )?tokens"
            r"|prompt (?:is )?too long|input (?:is )?too long|reduce the length",
            re.IGNORECASE,
        ),
    ),
    (
        UPSTREAM_AUTH,
        re.compile(r"(?:incorrect|invalid)[_ ]api[_ ]key|api key not valid", re.IGNORECASE),
    ),
    (
        MODEL_NOT_FOUND,
        re.compile(
            r"model_not_found|(?:invalid|unknown|no such) model"
            r"|model\b.{0,120}?(?:does not exist|not found|not exist)",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
)


def _of_words(said: str, code: str, status: int | None) -> ProviderError | None:
    text = f"{code} {said[:2000]}"
    found = next((kind for kind, words in WORDS if words.search(text)), None)
    if found is None or (status is not None and not 400 <= status < 500):
        return None
    if found == UPSTREAM_AUTH:
        return failures.refused_key(status)
    if found == MODEL_NOT_FOUND:
        return failures.unknown_model(said, status)
    return failures.prompt_too_long(said, status)
