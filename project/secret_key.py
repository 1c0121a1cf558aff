"""The key that signs sessions, where the deployment does not set one.

Made once and kept in a file that only its owner reads. There is no constant to fall back on: one
that is published lets anybody sign in as anybody.
"""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

SECRET_BYTES = 48


def load_or_make(path: Path) -> str:
    """The key in the file, which is made if it is missing. Raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        return _load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(SECRET_BYTES))
        # Two processes may start at once. A link never replaces: whoever comes second reads the
        # first one's key, and neither ever sees half of one.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
    return _load(path)


def _load(path: Path) -> str:
    key = path.read_text().strip()
    if not key:
        raise OSError(f"{path} is empty: delete it, or set SECRET_KEY")
    return key
