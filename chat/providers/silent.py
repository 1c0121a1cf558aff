"""Says nothing: a warm-up asks for a response without an answer, whose id may be a parent."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chat.providers.base import Delta, Finish, ModelRequest, Usage


class SilentProvider:
    name = "none"

    async def models(self) -> list[str]:
        return []

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Sequence[Delta]]]:
        async def nothing() -> AsyncIterator[Sequence[Delta]]:
            yield [Usage(0, 0), Finish("stop")]

        yield nothing()

    async def close(self) -> None:
        """Nothing is open."""


SILENT = SilentProvider()
