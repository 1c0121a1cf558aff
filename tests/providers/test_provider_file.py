"""The file of providers: what may stand in it, and what is said of one that cannot be used."""

import json
from pathlib import Path

import pytest

from chat.providers import provider_file
from chat.providers.base import Limits
from chat.providers.members import NO_KEY, Key, Member
from chat.providers.provider_file import BadFile
from project import environment
from project.environment import InvalidSetting

SECRETS = {"KEY_1": "sk-first", "KEY_2": "sk-second"}
PAGE = Path(environment.BASE_DIR, "docs/providers.md")


def read(text: str, name: str = "providers.toml") -> list[Member]:
    return provider_file.read(name, text.encode(), lambda variable: SECRETS.get(variable, ""))


def test_a_provider_has_what_stands_in_the_file():
    (found,) = read("""
        [[provider]]
        name = "main"
        api = "responses"
        base_url = "https://host/v1"
        keys = ["KEY_1", "KEY_2"]
        models = ["large", "small"]
        priority = 2
        weight = 3
        max_concurrent = 10
        requests_per_minute = 60
        [provider.limits]
        first_delta_seconds = 30
    """)
    assert found == Member(
        name="main",
        api="responses",
        base_url="https://host/v1",
        keys=(Key("KEY_1", "sk-first"), Key("KEY_2", "sk-second")),
        models={"large": "large", "small": "small"},
        priority=2,
        weight=3,
        max_concurrent=10,
        requests_per_minute=60,
        given_limits={"first_delta_seconds": 30},
    )
    assert found.limits(Limits(silence_seconds=7)) == Limits(
        first_delta_seconds=30, silence_seconds=7
    )
    assert "sk-" not in repr(found)


def test_little_is_needed():
    (found,) = read('[[provider]]\nname = "local"\nbase_url = "http://127.0.0.1:11434/v1"')
    assert (found.keys, found.models, found.priority, found.weight) == ((NO_KEY,), None, 1, 1)


def test_a_model_may_have_another_name_upstream():
    (found,) = read("""
        [[provider]]
        name = "local"
        base_url = "http://host/v1"
        models = { "large" = "qwen3:32b", "small" = "qwen3:4b" }
    """)
    assert list(found.models.items()) == [("large", "qwen3:32b"), ("small", "qwen3:4b")]


def test_json_of_the_same_shape_will_do():
    given = {"provider": [{"name": "a", "base_url": "http://host/v1", "models": ["x"]}]}
    assert read(json.dumps(given), "providers.json")[0].models == {"x": "x"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing required field `provider`"),
        ("provider = []", "length >= 1"),
        ("[[provider]", "it cannot be read: "),
        ('[[provider]]\nbase_url = "http://a/v1"', "field `name` - at `provider 1`"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1"]\n[[provider]]\nname = "b"\nwieght = 1',
         "unknown field `wieght` - at `provider 2`"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1"]\n[provider.limits]\nfirst = 1',
         "unknown field `first` - at `provider 1.limits`"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1"]\nweight = 0', "`provider 1.weight`"),
        ('[[provider]]\nname = "a"\nkeys = ["sk-secret"]', "`provider 1.keys[0]`"),
        ('[[provider]]\nname = "a"\nkeys = ["AIzaSyPasted"]', "`provider 1.keys[0]`"),
        ('[[provider]]\nname = "a"\napi = "smoke"', "'smoke' - at `provider 1.api`"),
        ('[[provider]]\nname = "a b"', "`provider 1.name`"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1"]\n' * 2, "two providers named 'a'"),
        ('[[provider]]\nname = "a"', "'a' needs a base_url or keys"),
        ('[[provider]]\nname = "a"\nbase_url = "host/v1"', "'a' needs a base_url such as"),
        ('[[provider]]\nname = "a"\nbase_url = "http://h/v1/responses"', "that paths are added to"),
        ('[[provider]]\nname = "a"\napi = "demo"\nkeys = ["KEY_1"]', "no keys"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1", "KEY_1"]', "names a key twice"),
        ('[[provider]]\nname = "a"\nkeys = ["KEY_1", "KEY_3"]',
         "provider 'a' wants the key KEY_3, which is not set"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_with_its_place_and_without_secrets(text, why):
    with pytest.raises(BadFile) as caught:
        read(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(
        secret in str(caught.value) for secret in (*SECRETS.values(), "sk-secret", "AIza")
    )


# --- as a setting


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "providers.toml"
    monkeypatch.setenv("CHAT_PROVIDERS", str(path))
    return path


def test_keys_come_from_the_environment_or_from_a_file_that_it_names(file, tmp_path, monkeypatch):
    file.write_text('[[provider]]\nname = "a"\nkeys = ["A_KEY", "B_KEY"]')
    (tmp_path / "secret").write_text("sk-in-a-file\n")
    monkeypatch.setenv("A_KEY", "sk-in-the-environment")
    monkeypatch.setenv("B_KEY_FILE", str(tmp_path / "secret"))
    (found,) = environment.read().providers
    assert [key.secret for key in found.keys] == ["sk-in-the-environment", "sk-in-a-file"]


def test_a_key_that_is_not_set_stops_the_start(file):
    file.write_text('[[provider]]\nname = "a"\nkeys = ["NO_SUCH_KEY"]')
    with pytest.raises(InvalidSetting, match=r"^CHAT_PROVIDERS names .*wants the key NO_SUCH_KEY"):
        environment.read()


def test_a_file_that_is_not_there_stops_the_start(file):
    with pytest.raises(InvalidSetting, match=r"^CHAT_PROVIDERS must be the path"):
        environment.read()


def test_the_example_of_the_page_can_be_used():
    example = PAGE.read_text().split("```toml\n")[1].split("```")[0]
    found = provider_file.read("x.toml", example.encode(), lambda variable: "a secret")
    assert len(found) > 2
