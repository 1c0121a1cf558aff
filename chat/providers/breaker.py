"""A member's circuit: open after so many failures in a row, then one probe. Pure.

Closed: requests pass. Open: none does. When that is over, one passes, and what becomes of it closes
the circuit or opens it again. `ledger_script` says the same in Redis.
"""

import msgspec

# A probe whose process died blocks the next one for no longer than this.
PROBE_SECONDS = 60.0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` within `window_seconds`, with no answer between, open it. 0: nothing ever does."""

    failures: int = 5
    window_seconds: float = 60.0
    open_seconds: float = 20.0


class Circuit(msgspec.Struct, frozen=True):
    """Times are seconds of the caller's clock. `open_until` is 0 while it is closed."""

    failures: int = 0
    since: float = 0.0
    open_until: float = 0.0
    probing_until: float = 0.0

    @property
    def is_closed(self) -> bool:
        return not self.open_until


CLOSED = Circuit()


def shut_until(circuit: Circuit, now: float) -> float:
    """When somebody may pass again, 0: now."""
    return max(
        (moment for moment in (circuit.open_until, circuit.probing_until) if moment > now),
        default=0.0,
    )


def with_probe(circuit: Circuit, now: float) -> Circuit:
    return msgspec.structs.replace(circuit, probing_until=now + PROBE_SECONDS)


def without_probe(circuit: Circuit) -> Circuit:
    """The probe came to nothing, neither good nor bad."""
    return msgspec.structs.replace(circuit, probing_until=0.0)


def after_failure(circuit: Circuit, now: float, rules: Rules, *, probe: bool) -> Circuit:
    if not rules.failures or (not circuit.is_closed and not probe):
        return circuit  # Of those that were on their way when it opened.
    stale = now - circuit.since > rules.window_seconds
    counted = Circuit(1, now) if stale else Circuit(circuit.failures + 1, circuit.since)
    if probe or counted.failures >= rules.failures:
        return Circuit(open_until=now + rules.open_seconds)
    return counted


def after_success(circuit: Circuit, *, probe: bool) -> Circuit:
    # An answer that began before it opened says nothing of how the upstream is now.
    return CLOSED if circuit.is_closed or probe else circuit
