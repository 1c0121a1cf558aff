"""What the environment says, and what is said of it when it is wrong."""

import os

import pytest

from project import environment
from project.environment import InvalidSetting
from project.setting_table import MIB, Chat, Service, rows


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which nobody set anything."""
    for table in (Service, Chat):
        for name, _field, _row in rows(table):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(f"{name}_FILE", raising=False)


def complaint() -> str:
    with pytest.raises(InvalidSetting) as caught:
        environment.read()
    return str(caught.value)


def test_silence_means_the_defaults() -> None:
    read = environment.read()
    assert (read.service.host, read.service.port) == ("127.0.0.1", 8000)
    assert read.chat.models == ()
    assert read.chat.max_frame_bytes == 16 * MIB
    assert read.service.debug is False


def test_an_empty_value_counts_as_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", " ")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("CHAT_MODELS", "")
    read = environment.read()
    assert (read.service.port, read.service.openai_api_key, read.chat.models) == (8000, "", ())


def test_values_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("DEBUG", "yes")
    monkeypatch.setenv("CHAT_MODELS", "large, small,")
    monkeypatch.setenv("CHAT_SILENCE_SECONDS", "2.5")
    read = environment.read()
    assert read.service.port == 9000
    assert read.service.debug is True
    assert read.chat.models == ("large", "small")
    assert read.chat.silence_seconds == 2.5


def test_a_value_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    path = os.path.join(tmp_path, "key")
    with open(path, "w") as file:
        file.write("sk-from-a-file\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", path)
    assert environment.read().service.openai_api_key == "sk-from-a-file"
    monkeypatch.setenv("OPENAI_API_KEY_FILE", path + "-missing")
    assert complaint() == "OPENAI_API_KEY_FILE must be the path of a readable file"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("PORT", "abc", "PORT must be a whole number, and is 'abc'"),
        ("PORT", "0", "PORT must be 1 to 65535, and is 0"),
        ("DEBUG", "perhaps", "DEBUG must be true or false, and is 'perhaps'"),
        ("CHAT_SERVER", "gunicorn", "CHAT_SERVER must be daphne or uvicorn, and is 'gunicorn'"),
        ("CHAT_SEND_SECONDS", "nan", "CHAT_SEND_SECONDS must be a number, and is 'nan'"),
        ("CHAT_SEND_SECONDS", "0", "CHAT_SEND_SECONDS must be more than 0, and is 0.0"),
        ("CHAT_WINDOW_EVENTS", "0", "CHAT_WINDOW_EVENTS must be 1 or more, and is 0"),
        ("CHAT_WINDOW_BYTES", "99999999", "CHAT_WINDOW_BYTES is more than CHAT_OUTSTANDING_BYTES"),
        ("CHAT_LEASE_SECONDS", "0.1", "CHAT_LEASE_SECONDS must be 0.5 or more, and is 0.1"),
        (
            "ALLOWED_ORIGINS",
            "https://a.example,b",
            "ALLOWED_ORIGINS must be full origins such as https://chat.example.org, and one is 'b'",
        ),
        ("OPENAI_BASE_URL", "localhost", "OPENAI_BASE_URL must be a URL such as https://host/v1"),
        (
            "OPENAI_BASE_URL",
            "http://host/v1/chat/completions",
            "OPENAI_BASE_URL must be the base that paths are added to, such as https://host/v1",
        ),
    ],
)
def test_a_wrong_value_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(name, value)
    assert complaint() == why


def test_the_pulse_fits_into_a_third_of_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_PULSE_MS", "400")
    monkeypatch.setenv("CHAT_LEASE_SECONDS", "1")
    assert complaint() == "CHAT_PULSE_MS is more than a third of CHAT_LEASE_SECONDS"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://me:hunter2@host/x"),
        ("REDIS_URL", "http://:hunter2@host"),
        ("SECRET_KEY", "hunter2"),
    ],
)
def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    said = complaint()
    assert said.startswith(name)
    assert "hunter2" not in said


def test_secrets_do_not_show_in_what_is_logged_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2")
    monkeypatch.setenv("SECRET_KEY", "hunter2" * 8)
    assert "hunter2" not in repr(environment.read())


def test_the_drain_lasts_as_long_as_a_response_may(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().chat.drain_seconds == 1800
    monkeypatch.setenv("CHAT_TOTAL_SECONDS", "60")
    assert environment.read().chat.drain_seconds == 60
    monkeypatch.setenv("CHAT_DRAIN_SECONDS", "5")
    assert environment.read().chat.drain_seconds == 5


def test_cookies_are_secure_where_every_origin_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().service.secure is False
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://chat.example")
    assert environment.read().service.secure is True
    monkeypatch.setenv("SECURE", "false")
    assert environment.read().service.secure is False


def test_hosts_follow_from_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://Chat.example:443/")
    service = environment.read().service
    assert service.allowed_origins == ("https://chat.example",)
    assert service.allowed_hosts == ("chat.example", "localhost", "127.0.0.1", "[::1]")


def test_on_every_address_the_host_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    service = environment.read().service
    assert (service.allowed_origins, service.allowed_hosts) == ((), ("*",))
    monkeypatch.setenv("ALLOWED_HOSTS", "chat.lan")
    assert environment.read().service.allowed_hosts[0] == "chat.lan"
    assert "*" not in environment.read().service.allowed_hosts
