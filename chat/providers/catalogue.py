"""Which models there are, and who serves each."""

import time
from collections.abc import Callable, Sequence

from chat.protocol.errors import BadRequest
from chat.providers.base import Provider

LISTING_SECONDS = 300.0


class Catalogue:
    """One provider and the models that it may be asked for.

    `allowed` are the configured ones, the default first; empty: what the provider lists, asked for
    once in five minutes.
    """

    def __init__(
        self,
        provider: Provider,
        allowed: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._allowed = list(allowed)
        self._clock = clock
        self._listed: list[str] = []
        self._listed_at: float | None = None

    async def models(self) -> list[str]:
        """Ids, the default first. Raises `ProviderError` if upstream must be asked and cannot."""
        if self._allowed:
            return self._allowed
        now = self._clock()
        if self._listed_at is None or now - self._listed_at > LISTING_SECONDS:
            self._listed = await self._provider.models()
            self._listed_at = now
        return self._listed

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
        await self._provider.close()
