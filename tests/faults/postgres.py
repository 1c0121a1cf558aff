"""What a test asks of Postgres, and does to it, beside the service."""

import asyncio
from typing import Any

import psycopg

from tests.service import database_url

SECONDS = 20


async def asked(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement, on a connection of its own."""
    async with await psycopg.AsyncConnection.connect(database_url(), autocommit=True) as postgres:
        cursor = await postgres.execute(statement, parameters)
        return await cursor.fetchall() if cursor.description else []


async def until(statement: str, *parameters: Any, seconds: float = SECONDS) -> None:
    """Wait until a question has an answer: Postgres tells nobody by itself."""
    async with asyncio.timeout(seconds):
        while not await asked(statement, *parameters):
            await asyncio.sleep(0.05)


async def wanted(response_id: str, kind: str) -> None:
    """Wait until a cancel or a steer of the response is kept."""
    await until("SELECT 1 FROM intent WHERE response_id = %s AND kind = %s", response_id, kind)
