"""Which modules the page is made of, so that a browser asks for all of them at once.

By itself it hears of a module from the one that imports it: journeys to the server one behind the
other.
"""

import re
from functools import cache
from pathlib import Path

from django.conf import settings

PAGE = "js/page.js"

_IMPORT = re.compile(r'^import (?:[^"]* from )?"(\.[^"]+)";$', re.MULTILINE)


@cache
def imported() -> list[str]:
    """What the page's module imports, and what that imports: names below `static/`."""
    root = Path(settings.STATICFILES_DIRS[0]).resolve()
    found, unread = {PAGE}, [PAGE]
    while unread:
        module = root / unread.pop()
        if not module.is_relative_to(root / "js"):
            continue  # A bundle, which imports nothing.
        for name in _IMPORT.findall(module.read_text(encoding="utf-8")):
            path = (module.parent / name).resolve().relative_to(root).as_posix()
            if path not in found:
                found.add(path)
                unread.append(path)
    return sorted(found - {PAGE})
