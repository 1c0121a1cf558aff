"""API keys: how one is made, and what is kept of it.

Pure. A key is as good as a password, so only its digest is kept. It needs no salt and no slow hash:
it is 43 characters of the system's randomness, which nobody guesses, and the same digest finds it.
"""

import hashlib
import secrets

PREFIX = "sk-ij-"
SECRET_BYTES = 32
SHOWN_CHARS = 12


def mint() -> tuple[str, str, str]:
    """A new key, the beginning by which its owner recognises it, and its digest."""
    key = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    return key, key[:SHOWN_CHARS], digest(key)


def digest(key: str) -> str:
    """SHA-256 of the whole key, in hex. Takes whatever a client may send as one."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
