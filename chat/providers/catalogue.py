"""Which models there are, and who serves each."""

import asyncio
import time
from collections.abc import Callable, Sequence

from chat.protocol.errors import BadRequest
from chat.providers.base import Provider

LISTING_SECONDS = 300.0
RETRY_SECONDS = 5.0
# When some of several upstreams could not say: whoever is dead may be waited for.
PARTIAL_SECONDS = 30.0


class Catalogue:
    """One provider and the models that it may be asked for.

    `allowed` are the configured ones, the default first; empty: what the provider lists, asked for
    once in five minutes by one for all; again sooner if it could not say, or, by `is_whole`, not
    all.
    """

    def __init__(
        self,
        provider: Provider,
        allowed: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        is_whole: Callable[[], bool] = lambda: True,
    ) -> None:
        self._provider = provider
        self._allowed = list(allowed)
        self._clock = clock
        self._is_whole = is_whole
        self._listing: asyncio.Task[list[str]] | None = None
        self._asked_at = 0.0

    async def models(self) -> list[str]:
        """Ids, the default first. Raises `ProviderError` if upstream must be asked and cannot."""
        if self._allowed:
            return self._allowed
        if self._listing is None or self._is_old(self._listing):
            self._listing = asyncio.create_task(self._provider.models())
            self._asked_at = self._clock()
        return await asyncio.shield(self._listing)

    def _is_old(self, listing: asyncio.Task[list[str]]) -> bool:
        if not listing.done():
            return False
        failed = listing.cancelled() or listing.exception() is not None
        believed = LISTING_SECONDS if self._is_whole() else PARTIAL_SECONDS
        return self._clock() - self._asked_at > (RETRY_SECONDS if failed else believed)

    async def choose(self, model: str | None) -> str:
        """The model that a prompt means. Raises `BadRequest` for one that is not offered."""
        offered = await self.models()
        if model is None:
            if not offered:
                raise BadRequest("model_not_found", "Upstream offers no models.", param="model")
            return offered[0]
        if model not in offered:
            some = ", ".join(offered[:10])
            raise BadRequest(
                "model_not_found", f"There is no model {model!r}. Offered: {some}.", param="model"
            )
        return model

    def provider_of(self, model: str) -> Provider:
        """Who serves the model. With one provider, it serves all of them."""
        return self._provider

    async def close(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
            await asyncio.gather(self._listing, return_exceptions=True)
        await self._provider.close()
