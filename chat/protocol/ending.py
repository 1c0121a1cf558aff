"""How a response ends: what stopped it, what failed and what was said decide, in this order."""

from collections.abc import Mapping
from typing import Any

from chat.protocol import lifecycle
from chat.protocol.events import Ending

STOPPED = {
    lifecycle.CANCELLED_REASON: (lifecycle.CANCELLED, lifecycle.CANCELLED_REASON),
    lifecycle.STEERED: (lifecycle.INCOMPLETE, lifecycle.STEERED),
    lifecycle.INTERRUPTED: (lifecycle.INCOMPLETE, lifecycle.INTERRUPTED),
}
FINISHED = {
    "length": (lifecycle.INCOMPLETE, lifecycle.MAX_OUTPUT_TOKENS),
    "content_filter": (lifecycle.INCOMPLETE, lifecycle.CONTENT_FILTER),
}


def ending(
    *,
    stop: str | None,
    error: Mapping[str, Any] | None,
    finish: str | None,
    said: bool,
    now: float,
) -> Ending:
    """`stop`: our own reason to; `error`: upstream's failure; `finish`: its word at the end."""
    if stop is not None:
        status, reason = STOPPED[stop]
        return Ending(status=status, reason=reason, ended_at=now)
    if error is not None:
        if not said:
            return Ending(status=lifecycle.FAILED, error=error, ended_at=now)
        return Ending(
            status=lifecycle.INCOMPLETE,
            reason=lifecycle.UPSTREAM_FAILED,
            error=error,
            ended_at=now,
        )
    status, end_reason = FINISHED.get(finish or "", (lifecycle.COMPLETED, None))
    return Ending(status=status, reason=end_reason, ended_at=now)
