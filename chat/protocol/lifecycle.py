"""The states of a response and what may follow what. Nothing here knows who moves it."""

QUEUED = "queued"
IN_PROGRESS = "in_progress"
COMPLETED = "completed"
INCOMPLETE = "incomplete"
CANCELLED = "cancelled"
FAILED = "failed"

STATUSES = (QUEUED, IN_PROGRESS, COMPLETED, INCOMPLETE, CANCELLED, FAILED)

TRANSITIONS: dict[str, frozenset[str]] = {
    QUEUED: frozenset({IN_PROGRESS, INCOMPLETE, CANCELLED, FAILED}),
    IN_PROGRESS: frozenset({COMPLETED, INCOMPLETE, CANCELLED, FAILED}),
    COMPLETED: frozenset(),
    INCOMPLETE: frozenset(),
    CANCELLED: frozenset(),
    FAILED: frozenset(),
}

LIVE = frozenset(status for status, successors in TRANSITIONS.items() if successors)
ENDED = frozenset(STATUSES) - LIVE

# The event that ends a response, by the status that it ends in. `cancelled` has no event of its
# own in the specification; clients understand `response.incomplete`.
TERMINAL_EVENTS = {
    COMPLETED: "response.completed",
    INCOMPLETE: "response.incomplete",
    CANCELLED: "response.incomplete",
    FAILED: "response.failed",
}

# Reasons of `incomplete_details`. The first two are the specification's, the others ours.
MAX_OUTPUT_TOKENS = "max_output_tokens"
CONTENT_FILTER = "content_filter"
STEERED = "steered"
CANCELLED_REASON = "cancelled"
INTERRUPTED = "interrupted"
UPSTREAM_FAILED = "upstream_failed"
