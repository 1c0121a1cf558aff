"""How an answer of the Responses API ended, by its last event. Pure.

Owns what statuses and reasons mean. Must not know what was said.
"""

from chat.protocol.deltas import Usage
from chat.providers import failures, reports
from chat.providers.base import ProviderError
from chat.providers.chat_answer import usage_counted
from chat.providers.loose_json import loads
from chat.providers.responses_events import Closed, TokenDetails, is_there

# The last event, and the status that it means where the response does not say.
TERMINAL = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
CUT_SHORT = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "length": "length",
    "content_filter": "content_filter",
}
NO_DETAILS = TokenDetails()


def finish_of(last: Closed, status: str) -> str:
    """Why the model stopped; empty for a reason that is none of the model's.

    `status` is what the event's type says; the response's own goes first. Raises `ProviderError`
    when it failed.
    """
    if last.status in TERMINAL.values():
        status = str(last.status)
    if status in ("failed", "cancelled"):
        raise _failure_of(last, status)
    if status == "completed":
        return "stop"
    reason = last.incomplete_details and last.incomplete_details.reason
    return CUT_SHORT.get(str(reason), "")


def usage_of(last: Closed) -> Usage | None:
    """The counts as ours, or None when upstream left them empty."""
    counts = last.usage
    if counts is None or (counts.input_tokens is None and counts.output_tokens is None):
        return None
    read = counts.input_tokens_details or NO_DETAILS
    written = counts.output_tokens_details or NO_DETAILS
    return usage_counted(
        counts.input_tokens, counts.output_tokens, read.cached_tokens, written.reasoning_tokens
    )


def _failure_of(last: Closed, status: str) -> ProviderError:
    if is_there(last.error):
        return reports.of_report(loads(last.error))
    return failures.server_error("it cancelled the answer" if status == "cancelled" else "")
