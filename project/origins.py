"""Origins: who may open the WebSocket with a session cookie.

Pure. A cookie is sent whichever page asks, so a socket that is opened with one must come from a
page of ours: its `Origin` must be, in full, one of those that are allowed.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
WILDCARD_HOSTS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, never bound


def normal(origin: str) -> str | None:
    """`scheme://host[:port]` in lower case without a default port; nothing if it is no origin."""
    try:
        parts = urlsplit(origin.strip())
        port = parts.port
    except ValueError:
        return None
    has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or has_more:
        return None
    return _spelled(parts.scheme, parts.hostname, port)


def _spelled(scheme: str, host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    if port in (None, DEFAULT_PORTS[scheme]):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def derived(host: str, port: int) -> tuple[str, ...]:
    """The origins of a service that listens on `host` and `port` without a proxy in front.

    Empty where the name that a browser uses cannot be known, as with 0.0.0.0: then the page's own
    host is the only one allowed (`is_allowed`).
    """
    if host in WILDCARD_HOSTS:
        return ()
    hosts = (host, "localhost", "127.0.0.1") if is_loopback(host) else (host,)
    return tuple(dict.fromkeys(_spelled("http", each.lower(), port) for each in hosts))


def hosts(allowed: Iterable[str]) -> tuple[str, ...]:
    """The hosts of some origins as Django's ALLOWED_HOSTS wants them, and the loopback names.

    The health check of a container asks by a loopback name, whatever the service is called.
    """
    named = (urlsplit(origin).hostname or "" for origin in allowed)
    spelled = (f"[{host}]" if ":" in host else host for host in named)
    return tuple(dict.fromkeys((*spelled, *LOOPBACK_HOSTS)))


def is_allowed(origin: str | None, allowed: Iterable[str], host: str) -> bool:
    """Whether a page of `origin` may use a cookie here.

    `host` is the request's own `Host` header, and counts only when `allowed` is empty. A page that
    reached us under a name of its own (DNS rebinding) is then its own origin, but has no cookie of
    ours: cookies go by name.
    """
    given = normal(origin) if origin else None
    if given is None:
        return False
    allowed = tuple(allowed)
    if allowed:
        return given in allowed
    return given in (normal(f"http://{host}"), normal(f"https://{host}"))


def socket_sources(allowed: Iterable[str]) -> tuple[str, ...]:
    """The same origins as a Content-Security-Policy names their WebSockets."""
    return tuple(f"ws{origin.removeprefix('http')}" for origin in allowed)
