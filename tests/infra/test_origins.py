"""Who may open the WebSocket with a cookie."""

import pytest

from project import origins


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://Chat.Example/", "https://chat.example"),
        ("https://chat.example:443", "https://chat.example"),
        ("http://chat.example:80", "http://chat.example"),
        ("https://chat.example:80", "https://chat.example:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://chat.example/path", None),
        ("https://user@chat.example", None),
        ("https://chat.example?x", None),
        ("chat.example", None),
        ("ftp://chat.example", None),
        ("https://chat.example:port", None),
        ("https://", None),
        ("null", None),
        ("", None),
    ],
)
def test_an_origin_is_a_scheme_a_host_and_a_port(given: str, normal: str | None) -> None:
    assert origins.normal(given) == normal


def test_a_loopback_host_is_known_by_its_names() -> None:
    assert origins.derived("127.0.0.1", 8000) == ("http://127.0.0.1:8000", "http://localhost:8000")
    assert origins.derived("::1", 80) == ("http://[::1]", "http://localhost", "http://127.0.0.1")
    assert origins.derived("chat.lan", 8000) == ("http://chat.lan:8000",)
    assert origins.derived("0.0.0.0", 8000) == ()


def test_only_the_whole_origin_counts() -> None:
    allowed = ("https://chat.example",)
    assert origins.is_allowed("https://chat.example", allowed, "chat.example")
    assert origins.is_allowed("https://CHAT.example:443", allowed, "anything")
    for wrong in (
        "http://chat.example",
        "https://chat.example:8443",
        "https://evil.chat.example",
        "https://chat.example.evil",
        "null",
        "",
        None,
    ):
        assert not origins.is_allowed(wrong, allowed, "chat.example")


def test_where_no_name_is_known_a_page_may_ask_its_own_host() -> None:
    assert origins.is_allowed("http://10.0.0.5:8000", (), "10.0.0.5:8000")
    assert origins.is_allowed("https://chat.lan", (), "chat.lan")
    assert not origins.is_allowed("http://evil.example", (), "10.0.0.5:8000")
    assert not origins.is_allowed("http://10.0.0.5:9000", (), "10.0.0.5:8000")
    assert not origins.is_allowed("null", (), "null")
    assert not origins.is_allowed(None, (), "10.0.0.5:8000")


def test_the_policy_names_the_sockets_of_the_same_hosts() -> None:
    named = origins.socket_sources(("http://localhost:8000", "https://chat.example"))
    assert named == ("ws://localhost:8000", "wss://chat.example")
