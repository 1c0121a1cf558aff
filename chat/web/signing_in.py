"""Who opens a socket: a program by its key, or a browser by its session and exact origin.

By the pool, not the ORM: that gives all handshakes of a process one thread and each a connection to
Postgres of its own, so that a thousand clients who came back at once waited ten seconds.
"""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import parse_cookie
from django.utils.crypto import constant_time_compare

from chat import api_keys
from chat.access import Identity
from chat.database import Pool
from chat.models import User
from project import origins

USED_SECONDS = 60

# The row is touched once a minute at most, and by one of many that come at once.
_BY_KEY = """
WITH found AS (
    SELECT key.id, person.id AS user_id, person.username
      FROM chat_apikey AS key JOIN chat_user AS person ON person.id = key.user_id
     WHERE key.digest = %(digest)s AND key.revoked_at IS NULL AND person.is_active
), used AS (
    UPDATE chat_apikey AS key SET last_used_at = now() FROM found
     WHERE key.id = found.id
       AND (key.last_used_at IS NULL
            OR key.last_used_at < now() - make_interval(secs => %(used_seconds)s))
)
SELECT id, user_id, username FROM found
"""
_SESSION = """
SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > now()
"""
_PERSON = "SELECT id, username, password FROM chat_user WHERE id = %s AND is_active"


async def identify(scope: dict[str, Any], pool: Pool) -> Identity | None:
    """Who a handshake proves to be, or None. A key needs no origin, a cookie the exact one.

    Raises what `database.UNREACHABLE` names when the database cannot be asked.
    """
    headers = {name: value.decode("latin1") for name, value in scope["headers"]}
    authorization = headers.get(b"authorization", "")
    if authorization:
        scheme, _, key = authorization.partition(" ")
        return await _by_key(pool, key.strip()) if scheme.lower() == "bearer" else None
    host = headers.get(b"host", "")
    if not origins.is_allowed(headers.get(b"origin"), settings.ALLOWED_ORIGINS, host):
        return None
    cookies = parse_cookie(headers.get(b"cookie", ""))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    return await _by_session(pool, session_key) if session_key else None


async def _by_key(pool: Pool, key: str) -> Identity | None:
    asked = {"digest": api_keys.digest(key), "used_seconds": USED_SECONDS}
    async with pool.connection() as connection:
        row = await (await connection.execute(_BY_KEY, asked)).fetchone()
    return Identity(user_id=row[1], username=row[2], api_key_id=row[0]) if row else None


async def _by_session(pool: Pool, session_key: str) -> Identity | None:
    """As Django's `get_user`: the session names a user, and holds a digest of their password."""
    if "\0" in session_key:
        return None
    async with pool.connection() as connection:
        kept = await (await connection.execute(_SESSION, (session_key,))).fetchone()
        session = SessionStore().decode(kept[0]) if kept else {}
        if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
            return None
        user_id = User._meta.pk.to_python(session.get(SESSION_KEY))
        row = await (await connection.execute(_PERSON, (user_id,))).fetchone()
    if row is None:
        return None
    user = User(id=row[0], username=row[1], password=row[2])
    if not _proves(session.get(HASH_SESSION_KEY) or "", user):
        return None
    return Identity(
        user_id=user.pk,
        username=user.username,
        session_key=session_key,
        password_digest=hashlib.sha256(user.password.encode()).hexdigest(),
    )


def _proves(digest: str, user: User) -> bool:
    """Whether the session was opened with the password that the user has now."""
    valid = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(digest, each) for each in valid)
