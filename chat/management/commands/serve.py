"""`manage.py serve`: hosts the server, and drains the engine when told to stop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from chat.web import servers
from chat.web.servers.living import raise_descriptor_limit


class Command(BaseCommand):
    help = "Serve the application until SIGINT or SIGTERM, then drain and return."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument(
            "--fd", type=int, help="a socket that listens already, shared with other processes"
        )
        parser.add_argument("--server", choices=servers.NAMES, default=settings.CHAT.server)

    def handle(self, *args: Any, **options: Any) -> None:
        raise_descriptor_limit()
        servers.run(options["server"], options["host"], options["port"], options["fd"])
