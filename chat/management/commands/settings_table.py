"""`manage.py settings_table`: write the page of settings, or check that it is current."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from project import settings_page


class Command(BaseCommand):
    help = "Write docs/settings.md from the table of settings."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say whether it is current")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        path = settings.BASE_DIR / settings_page.PATH
        wanted = settings_page.page()
        if not check:
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            raise CommandError(f"{settings_page.PATH} is not current: run manage.py settings_table")
