"""`manage.py run_worker`: runs what web processes take with `CHAT_DISPATCH=worker`."""

from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.web.servers.living import Host, live, raise_descriptor_limit

CONCURRENCY = 100


class Command(BaseCommand):
    help = "Run responses until SIGINT or SIGTERM, then let what runs finish, and return."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=CONCURRENCY,
            help="How many responses it runs at once (%(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        concurrency = options["concurrency"]
        if concurrency < 1:
            raise CommandError("--concurrency must be 1 or more.")
        raise_descriptor_limit()
        uvloop.run(live(Host(), concurrency))
