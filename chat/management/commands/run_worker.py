"""`manage.py run_worker`: runs what web processes take with `CHAT_DISPATCH=worker`."""

import asyncio
from pathlib import Path
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.web.servers.living import Host, live, raise_descriptor_limit

CONCURRENCY = 100
ALIVE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Run responses until SIGINT or SIGTERM, then let what runs finish, and return."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=CONCURRENCY,
            help="How many responses it runs at once (%(default)s).",
        )
        parser.add_argument(
            "--alive",
            type=Path,
            help="A file to touch every second: one that is older tells that the worker hangs.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        concurrency = options["concurrency"]
        if concurrency < 1:
            raise CommandError("--concurrency must be 1 or more.")
        raise_descriptor_limit()
        uvloop.run(_work(concurrency, options["alive"]))


async def _work(concurrency: int, alive: Path | None) -> None:
    if alive is not None:
        _touch(alive)
    await live(Host(), concurrency)


def _touch(alive: Path) -> None:
    alive.touch()
    asyncio.get_running_loop().call_later(ALIVE_SECONDS, _touch, alive)
