"""Whether the process lives, and whether it can serve."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from django.http import HttpRequest, JsonResponse

from chat.engine.process import Engine, current_engine

CHECK_SECONDS = 3.0


async def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> JsonResponse:
    """Database, channel layer and upstream, each `ok` or what is wrong; 503 unless all are well.

    Upstream is well when it offers models: as configured, or else as it lists them. A process that
    drains is not ready: a load balancer sends nobody more to it.
    """
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            engine = await current_engine()
    except Exception as error:
        return _answer({"database": _said(error)})
    if engine.dispatcher.is_draining:
        return _answer({"process": "draining"})
    checks = {
        "database": await _check(_ask_database(engine)),
        "channel_layer": await _check(engine.bus.probe()),
        "upstream": await _check(_ask_upstream(engine)),
    }
    return _answer(checks)


def _answer(checks: dict[str, str]) -> JsonResponse:
    ready = all(result == "ok" for result in checks.values())
    status = "ok" if ready else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if ready else 503)


async def _check(asking: Awaitable[Any]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await asking
    except Exception as error:
        return _said(error)
    return "ok"


def _said(error: Exception) -> str:
    """The kind of failure only: its text may hold addresses and names."""
    return type(error).__name__


async def _ask_database(engine: Engine) -> None:
    async with engine.pool.connection() as connection:
        await connection.execute("SELECT 1")


async def _ask_upstream(engine: Engine) -> None:
    if not await engine.catalogue.models():
        raise LookupError("Upstream offers no models.")
