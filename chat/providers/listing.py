"""Asking several upstreams what models they have, without waiting for those that are dead."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from chat.providers.base import Provider, ProviderError

logger = logging.getLogger(__name__)

# How long the others are waited for, when somebody has answered.
OTHERS_SECONDS = 2.0


async def ask(
    providers: Mapping[str, Sequence[Provider]], *, must_answer: bool
) -> dict[str, list[str]]:
    """What each lists, by its name; those that cannot say are left out.

    Of each there are several ways to ask, tried one after another. `must_answer`: raises the first
    `ProviderError` when none can say.
    """
    tasks = {name: asyncio.create_task(_first(ways)) for name, ways in providers.items()}
    try:
        await _wait(set(tasks.values()), patient=must_answer)
        found, failed = {}, []
        for name, task in tasks.items():
            if not task.done():
                logger.warning("%s does not say in time what models it has", name)
            elif isinstance(error := task.exception(), ProviderError):
                logger.warning("%s does not say what models it has: %s", name, error.code)
                failed.append(error)
            else:
                found[name] = task.result()
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    if must_answer and failed and not found:
        raise failed[0]
    return found


async def _first(ways: Sequence[Provider]) -> list[str]:
    *others, last = ways
    for provider in others:
        try:
            return await provider.models()
        except ProviderError:
            continue
    return await last.models()


async def _wait(tasks: set[asyncio.Task[list[str]]], *, patient: bool) -> None:
    """For all, for a while; if `patient`, then until one has answered or all have failed."""
    if not tasks:
        return
    done, pending = await asyncio.wait(tasks, timeout=OTHERS_SECONDS)
    while patient and pending and all(task.exception() is not None for task in done):
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
