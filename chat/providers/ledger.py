"""What a pool remembers of its members and keys: who rests, who has room, whose circuit is open.

Owns the shapes, and the memory of one process. Candidates come in the order in which to try them; a
claim takes the first that may be asked, and its place in the limits. Time is an argument, in
seconds. `shared_ledger` keeps the same for all processes together.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from chat.providers import breaker
from chat.providers.breaker import CLOSED, Circuit, Rules
from chat.providers.members import Candidate

MINUTE_SECONDS = 60.0
# How soon somebody may leave who takes up the last place.
BUSY_SECONDS = 0.2


class Why(StrEnum):
    """Why a candidate is not asked. Resting is no hindrance when there is nobody else."""

    LIMITED = "limited"
    OPEN = "open"
    BUSY = "busy"
    RESTING = "resting"


class Outcome(StrEnum):
    """What a try says of the member's health. Unknown: it was stopped before it could tell."""

    WELL = "well"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Claim(NamedTuple):
    """The right to ask a candidate, until it is settled."""

    id: str
    candidate: Candidate
    is_probe: bool


class NoRoom(NamedTuple):
    """Nobody may be asked now; in so many seconds perhaps somebody may."""

    seconds: float
    why: Why


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a try tells the ledger. Seconds from now.

    `limited_seconds`: the key is not asked for this model. `key_seconds`, `member_seconds`: the key
    or the member rests, which means that others go first.
    """

    outcome: Outcome = Outcome.WELL
    limited_seconds: float = 0.0
    key_seconds: float = 0.0
    member_seconds: float = 0.0


class Ledger(Protocol):
    async def claim(
        self, candidates: Sequence[Candidate], claim_id: str, now: float, *, resting: bool
    ) -> Claim | NoRoom:
        """Claim the first that may be asked; with `resting`, then the first of those that rest."""
        ...

    async def settle(
        self, claim: Claim, verdict: Verdict, now: float, *, release: bool = True
    ) -> bool:
        """Remember what came of it and, unless it goes on, give its place back.

        Returns whether this opened the member's circuit.
        """
        ...

    async def close(self) -> None: ...


class LocalLedger:
    """The memory of this process."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._limited: dict[tuple[str, str], float] = {}
        self._key_rests: dict[str, float] = {}
        self._member_rests: dict[str, float] = {}
        self._circuits: dict[str, Circuit] = {}
        self._places: defaultdict[str, set[str]] = defaultdict(set)
        self._asked: defaultdict[str, deque[float]] = defaultdict(deque)

    async def claim(
        self, candidates: Sequence[Candidate], claim_id: str, now: float, *, resting: bool
    ) -> Claim | NoRoom:
        hindered: list[tuple[float, Why]] = []
        rested: list[Candidate] = []
        for candidate in candidates:
            hindrance = self._hindrance(candidate, now)
            if hindrance is not None:
                hindered.append(hindrance)
            elif self._rests(candidate, now):
                rested.append(candidate)
            else:
                return self.take(candidate, claim_id, now)
        if rested and resting:
            return self.take(rested[0], claim_id, now)
        if rested:
            return NoRoom(0.0, Why.RESTING)
        until, why = min(hindered, default=(now, Why.BUSY))
        return NoRoom(until - now, why)

    async def settle(
        self, claim: Claim, verdict: Verdict, now: float, *, release: bool = True
    ) -> bool:
        candidate, member = claim.candidate, claim.candidate.member
        if release:
            self._places[candidate.key].discard(claim.id)
        if verdict.limited_seconds:
            self._limited[candidate.key, candidate.model] = now + verdict.limited_seconds
        if verdict.key_seconds:
            self._key_rests[candidate.key] = now + verdict.key_seconds
        if verdict.member_seconds:
            self._member_rests[member] = now + verdict.member_seconds
        elif verdict.outcome is Outcome.WELL:
            self._member_rests.pop(member, None)
        before = self._circuits.get(member, CLOSED)
        after = self._judged(before, verdict.outcome, now, probe=claim.is_probe)
        self._circuits[member] = after
        return after.open_until > before.open_until

    async def close(self) -> None:
        """Nothing is open."""

    def take(self, candidate: Candidate, claim_id: str, now: float) -> Claim:
        """Claim it, whatever hinders."""
        circuit = self._circuits.get(candidate.member, CLOSED)
        if not circuit.is_closed:
            self._circuits[candidate.member] = breaker.with_probe(circuit, now)
        if candidate.max_concurrent:
            self._places[candidate.key].add(claim_id)
        if candidate.requests_per_minute:
            self._lately(candidate, now).append(now)
        return Claim(claim_id, candidate, not circuit.is_closed)

    def _hindrance(self, candidate: Candidate, now: float) -> tuple[float, Why] | None:
        """Until when it may not be asked, and why."""
        limited_until = self._limited.get((candidate.key, candidate.model), 0.0)
        if limited_until > now:
            return limited_until, Why.LIMITED
        shut_until = breaker.shut_until(self._circuits.get(candidate.member, CLOSED), now)
        if shut_until:
            return shut_until, Why.OPEN
        if candidate.requests_per_minute:
            asked = self._lately(candidate, now)
            if len(asked) >= candidate.requests_per_minute:
                return asked[0] + MINUTE_SECONDS, Why.LIMITED
        places = len(self._places[candidate.key])
        if candidate.max_concurrent and places >= candidate.max_concurrent:
            return now + BUSY_SECONDS, Why.BUSY
        return None

    def _lately(self, candidate: Candidate, now: float) -> deque[float]:
        """When the key was asked in the last minute."""
        asked = self._asked[candidate.key]
        while asked and asked[0] <= now - MINUTE_SECONDS:
            asked.popleft()
        return asked

    def _rests(self, candidate: Candidate, now: float) -> bool:
        rests = self._key_rests.get(candidate.key, 0), self._member_rests.get(candidate.member, 0)
        return max(rests) > now

    def _judged(self, circuit: Circuit, outcome: Outcome, now: float, *, probe: bool) -> Circuit:
        if outcome is Outcome.WELL:
            return breaker.after_success(circuit, probe=probe)
        if outcome is Outcome.FAILED:
            return breaker.after_failure(circuit, now, self._rules, probe=probe)
        return breaker.without_probe(circuit) if probe else circuit
