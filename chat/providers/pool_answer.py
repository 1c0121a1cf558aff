"""One answer by a pool: tries, until somebody begins to answer; from then on that one's alone.

Owns the claim and the upstream of the try that is on, and the order of tries. Who may be asked is
the ledger's, what a failure means is `retrying`'s.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import uuid4

import msgspec

from chat.protocol.deltas import ProviderChosen
from chat.providers import retrying
from chat.providers.base import Delta, ModelRequest, Provider, ProviderError
from chat.providers.ledger import Claim, Ledger, NoRoom, Verdict, Why
from chat.providers.members import Candidate
from chat.providers.retrying import Patience

Batches = AsyncIterator[Sequence[Delta]]


class Surroundings(Protocol):
    """What an answer wants of its pool."""

    name: str
    ledger: Ledger
    patience: Patience
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    dice: Callable[[], float]

    def asked_of(self, candidate: Candidate) -> tuple[Provider, str]:
        """The provider behind a candidate, and its own name of the model."""
        ...

    async def settled(self, claim: Claim, verdict: Verdict, *, release: bool = True) -> None:
        """Tell the ledger what came of a claim."""
        ...

    def settle(self, claim: Claim, verdict: Verdict, *, release: bool = True) -> None:
        """The same, without waiting for it."""
        ...

    def failed(self, claim: Claim, error: ProviderError) -> None:
        """A try came to nothing, or broke off."""
        ...

    def switched(self, chosen: ProviderChosen) -> None:
        """Another provider takes over."""
        ...


class PoolAnswer:
    """`open` first, then read `batches`, and `leave` in every case."""

    def __init__(
        self, pool: Surroundings, request: ModelRequest, candidates: Sequence[Candidate]
    ) -> None:
        self._pool = pool
        self._request = request
        self._candidates = list(candidates)
        self._began_at = pool.clock()
        self._tries = 0
        self._heard = False
        self._claim: Claim | None = None
        self._upstream: AbstractAsyncContextManager[Batches] | None = None
        self._batches: Batches | None = None
        self._failure: ProviderError | None = None

    async def open(self) -> None:
        """The first try, as far as upstream's headers. Raises when nobody is to be asked."""
        self._claim = await self._claimed(resting=True)
        try:
            await self._ask(self._claim)
        except ProviderError as error:
            self._failure = error  # For whoever reads: others may be asked then.

    async def batches(self) -> AsyncGenerator[Sequence[Delta], None]:
        assert self._claim is not None
        asked = self._claim.candidate.member
        if asked != self._pool.name:
            yield [ProviderChosen(asked)]
        while True:
            try:
                if self._failure is not None:
                    raise self._failure
                if self._batches is None:
                    await self._ask(self._claim)
                assert self._batches is not None
                async for batch in self._batches:
                    if not self._heard:
                        self._begun()
                    yield batch
                self._settle(retrying.WELL)
                return
            except ProviderError as error:
                self._claim = await self._another(error)
                chosen = ProviderChosen(self._claim.candidate.member, asked, error.code)
            if chosen.name != asked:
                asked = chosen.name
                self._pool.switched(chosen)
                yield [chosen]

    async def leave(self) -> None:
        """Close upstream, and give back what was claimed."""
        try:
            await self._close()
        finally:
            self._settle(retrying.STOPPED)

    # --- one try

    async def _ask(self, claim: Claim) -> None:
        """Send the request, and wait for upstream's headers."""
        self._tries += 1
        provider, model = self._pool.asked_of(claim.candidate)
        request = self._request
        if model != request.model:
            request = msgspec.structs.replace(request, model=model)
        upstream = provider.stream(request)
        self._batches = await upstream.__aenter__()
        self._upstream = upstream

    def _begun(self) -> None:
        """A probe that is answered closes its circuit at once, not when the answer has ended."""
        self._heard = True
        claim = self._claim
        if claim is not None and claim.is_probe:
            self._pool.settle(claim, retrying.WELL, release=False)
            self._claim = claim._replace(is_probe=False)

    async def _close(self) -> None:
        upstream, self._upstream, self._batches = self._upstream, None, None
        if upstream is not None:
            await upstream.__aexit__(None, None, None)

    def _settle(self, verdict: Verdict) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            self._pool.settle(claim, verdict)

    # --- the next

    async def _another(self, error: ProviderError) -> Claim:
        """Whoever is asked after this failure. Raises it when that would be nobody."""
        judgement = retrying.judge(error, self._tries)
        claim, self._claim, self._failure = self._claim, None, None
        assert claim is not None
        self._pool.failed(claim, error)
        await self._close()
        await self._pool.settled(claim, judgement.verdict)
        self._candidates = [
            each
            for each in self._candidates
            if not (judgement.except_key and each.key == claim.candidate.key)
            and not (judgement.except_member and each.member == claim.candidate.member)
        ]
        may_try = judgement.again and self._tries < self._pool.patience.tries
        if self._heard or not may_try or not self._candidates:
            raise error
        return await self._claimed(error, resting=False)

    async def _claimed(self, failure: ProviderError | None = None, *, resting: bool) -> Claim:
        """A place with somebody, waited for as long as patience lasts. `failure`: what was before.

        `resting` False: those who rest, as whoever just failed does, are asked only after a pause.
        """
        pool, waited = self._pool, 0.0
        while True:
            now = pool.clock()
            claim_id = uuid4().hex
            found = await pool.ledger.claim(self._candidates, claim_id, now, resting=resting)
            if isinstance(found, Claim):
                return found
            pause = self._pause(found)
            waited += pause
            late = now + pause - self._began_at > pool.patience.total_seconds
            if late or waited > pool.patience.wait_seconds:
                raise failure or retrying.nobody(found)
            resting = resting or found.why is Why.RESTING
            await pool.sleep(pause)

    def _pause(self, found: NoRoom) -> float:
        pool = self._pool
        if found.why is Why.RESTING:
            return retrying.pause_before(self._tries, pool.dice(), pool.patience.wait_seconds)
        # By chance a little later: all who wait for the same would come at once.
        return found.seconds * (1 + pool.dice() / 10)
