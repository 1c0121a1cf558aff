"""Who opens a socket: a program by its key, or a browser by its session and exact origin."""

import hashlib
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from chat import api_keys
from chat.access import Identity
from chat.models import ApiKey, User
from project import origins

USED_SECONDS = 60


async def identify(scope: dict[str, Any]) -> Identity | None:
    """Who a handshake proves to be, or None. A key needs no origin, a cookie the exact one.

    Raises Django's `OperationalError` or `InterfaceError` when the database cannot be asked.
    """
    # Not by asgiref's own: that keeps the connection of its one thread, and one that broke, when
    # Postgres was restarted, would refuse everybody from then on.
    identity: Identity | None = await database_sync_to_async(_identify)(scope)
    return identity


def _identify(scope: dict[str, Any]) -> Identity | None:
    headers = {name: value.decode("latin1") for name, value in scope["headers"]}
    authorization = headers.get(b"authorization", "")
    if authorization:
        scheme, _, key = authorization.partition(" ")
        return _by_key(key.strip()) if scheme.lower() == "bearer" else None
    host = headers.get(b"host", "")
    if not origins.is_allowed(headers.get(b"origin"), settings.ALLOWED_ORIGINS, host):
        return None
    cookies = parse_cookie(headers.get(b"cookie", ""))
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    return _by_session(session_key) if session_key else None


def _by_key(key: str) -> Identity | None:
    found = (
        ApiKey.objects.filter(digest=api_keys.digest(key), revoked_at=None, user__is_active=True)
        .select_related("user")
        .first()
    )
    if found is None:
        return None
    now = timezone.now()
    if found.last_used_at is None or (now - found.last_used_at).total_seconds() > USED_SECONDS:
        ApiKey.objects.filter(pk=found.pk).update(last_used_at=now)
    return Identity(user_id=found.user.pk, username=found.user.username, api_key_id=found.pk)


def _by_session(session_key: str) -> Identity | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    return Identity(
        user_id=user.pk,
        username=user.username,
        session_key=session_key,
        password_digest=hashlib.sha256(user.password.encode()).hexdigest(),
    )
