"""How the tests are dealt out when they run side by side (`-n`). A pytest plugin."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_SERVER = re.compile(r"[\[-](daphne|uvicorn)[-\]]")


class Together(LoadScopeScheduling):
    """Tests that share what is slow to start stay together, in the order in which they stand.

    That is the service on one of its servers, and the browser: one is enough, two keep two cores
    from everything else. Each file of faults has an installation of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/browser/"):
            return "browser"
        if file.startswith("tests/faults/"):
            return file
        server = _SERVER.search(nodeid)
        return server[1] if server else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Callable[..., None]) -> Any:
    config.option.loadscopereorder = False  # The engines' tests come first, whatever their number.
    return Together(config, log)
