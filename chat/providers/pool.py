"""Several upstreams as one provider: who serves a model is asked, and if that fails, who else does.

Owns the members' providers, what they list, and the tries of every answer: nothing else retries.
Once an answer has begun it is never asked for again: what was said stands, and its failure with it.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter

from chat.protocol.deltas import ProviderChosen
from chat.providers import choosing, listing, retrying
from chat.providers.base import Delta, ModelRequest, Provider, ProviderError
from chat.providers.ledger import Claim, Ledger, Verdict
from chat.providers.members import Candidate, Member, key_id
from chat.providers.pool_answer import PoolAnswer
from chat.providers.retrying import Patience

logger = logging.getLogger(__name__)

MakeProvider = Callable[[Member, str], Provider]


class Pool:
    """`make` makes the provider of a member and one of its keys' secrets.

    `name` is the only member's, if there is one only. `clock` gives seconds of the epoch. `counts`
    has how often each member was asked, failed, took over, and was left alone.
    """

    def __init__(
        self,
        members: Sequence[Member],
        make: MakeProvider,
        ledger: Ledger,
        patience: Patience | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.name = members[0].name if len(members) == 1 else "pool"
        self.ledger = ledger
        self.patience = patience or Patience()
        self.clock = clock
        self.sleep = sleep
        self.dice = dice
        self.counts: Counter[tuple[str, str]] = Counter()
        self._members = {each.name: each for each in sorted(members, key=attrgetter("priority"))}
        self._providers: dict[str, Provider] = {
            key_id(member.name, key): make(member, key.secret)
            for member in members
            for key in member.keys
        }
        self._listed: dict[str, Sequence[str]] = {}
        self.all_have_listed = True
        self._settling: set[asyncio.Task[None]] = set()

    async def models(self) -> list[str]:
        """What the members offer, those of the first in the order of priority first."""
        unlisted = {
            name: [self._providers[key_id(name, key)] for key in member.keys]
            for name, member in self._members.items()
            if member.models is None
        }
        configured = any(member.models for member in self._members.values())
        found = await listing.ask(unlisted, must_answer=not configured)
        self.all_have_listed = found.keys() == unlisted.keys()
        self._listed |= found
        offered = [self._offered(member) for member in self._members.values()]
        return list(dict.fromkeys(model for models in offered for model in models))

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        serving = [each for each in self._members.values() if self._serves(each, request.model)]
        if not serving:
            raise retrying.unserved(request.model)
        candidates = choosing.candidates(serving, request.model, self.dice)
        answer = PoolAnswer(self, request, candidates)
        batches = answer.batches()
        try:
            await answer.open()
            yield batches
        finally:
            # Here and not in the generator, which may not be closed while it is being read.
            await answer.leave()
            await batches.aclose()

    async def close(self) -> None:
        if self._settling:
            await asyncio.wait(self._settling)
        for (member, what), count in sorted(self.counts.items()):
            logger.info("%s %s %d times", member, what, count)
        await self.ledger.close()
        await asyncio.gather(*(each.close() for each in self._providers.values()))

    # --- what answers want

    def asked_of(self, candidate: Candidate) -> tuple[Provider, str]:
        self.counts[candidate.member, "was asked"] += 1
        models = self._members[candidate.member].models or {}
        model = models.get(candidate.model, candidate.model)
        return self._providers[candidate.key], model

    async def settled(self, claim: Claim, verdict: Verdict, *, release: bool = True) -> None:
        member = claim.candidate.member
        if await self.ledger.settle(claim, verdict, self.clock(), release=release):
            self.counts[member, "was left alone"] += 1
            logger.warning("%s failed too often: it is left alone for a while", member)

    def settle(self, claim: Claim, verdict: Verdict, *, release: bool = True) -> None:
        task = asyncio.create_task(self.settled(claim, verdict, release=release))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    def failed(self, claim: Claim, error: ProviderError) -> None:
        self.counts[claim.candidate.member, "failed"] += 1
        # By the name of its key, which tells the operator what to look at.
        status = f" ({error.status})" if error.status else ""
        logger.warning("%s failed: %s%s", claim.candidate.key, error.code, status)

    def switched(self, chosen: ProviderChosen) -> None:
        self.counts[chosen.name, "took over"] += 1

    # --- models

    def _offered(self, member: Member) -> Sequence[str]:
        return self._listed.get(member.name, ()) if member.models is None else list(member.models)

    def _serves(self, member: Member, model: str) -> bool:
        """One that was never heard of what it has may have it: it will say if it has not."""
        known: Mapping[str, str] | Sequence[str] | None = member.models
        if known is None:
            known = self._listed.get(member.name)
        return known is None or len(self._members) == 1 or model in known
