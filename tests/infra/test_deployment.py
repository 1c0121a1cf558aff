"""The files that describe a deployment, and those that lock what goes into it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from project import settings_page
from project.setting_table import Chat, Service, rows
from tests.infra import dockerfile
from tests.infra.image_check import PROJECT

TOP = {
    "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md", "chat",
    "docker-compose.yml", "docs", "manage.py", "package-lock.json", "package.json", "project",
    "pyproject.toml", "requirements-dev.txt", "requirements.txt", "static", "templates", "tests",
    "tsconfig.json",
}  # fmt: skip


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))


def text(name: str) -> str:
    return (PROJECT / name).read_text()


def test_the_compose_file_follows_the_compose_specification() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    jsonschema.validators.validator_for(schema)(schema).validate(compose())


def test_every_service_that_lasts_says_whether_it_is_healthy() -> None:
    lasting = {name: each for name, each in compose()["services"].items() if name != "migrate"}
    assert lasting.keys() == {"web", "worker", "postgres", "redis"}
    assert all("test" in each["healthcheck"] for each in lasting.values())


def test_what_a_service_waits_for_can_come_about() -> None:
    services = compose()["services"]
    for each in services.values():
        for other, condition in each.get("depends_on", {}).items():
            healthy = condition["condition"] == "service_healthy"
            assert not healthy or "test" in services[other]["healthcheck"]


def test_the_compose_file_holds_no_secret() -> None:
    for each in compose()["services"].values():
        for name, value in each.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|API_KEY", name):
                assert re.fullmatch(r"\$\{\w+:(\?must be set|-)\}", value)


def test_the_compose_file_sets_what_there_is_to_set() -> None:
    known = {name for table in (Service, Chat) for name, _, _ in rows(table)} | {"PGPASSWORD"}
    assert compose()["services"]["web"]["environment"].keys() <= known


def test_the_grace_of_the_container_outlasts_the_drain() -> None:
    web = compose()["services"]["web"]
    drain = int(web["environment"]["CHAT_DRAIN_SECONDS"])
    assert int(web["stop_grace_period"].removesuffix("s")) > drain


def test_the_image_runs_as_nobody_special_and_keeps_the_tools_behind() -> None:
    build, image = dockerfile.parse(text("Dockerfile"))
    assert image.last("USER").rest.split(":")[0] not in ("0", "root")
    assert not image.all("RUN")
    assert "pip uninstall" in build.last("RUN").rest
    assert image.last("CMD").command[:3] == ["python", "manage.py", "serve"]
    assert "/healthz" in image.last("HEALTHCHECK").command[-1]


def test_the_image_copies_only_what_is_there_and_sent() -> None:
    sent = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    for stage in dockerfile.parse(text("Dockerfile")):
        for copy in stage.all("COPY"):
            if "from" not in copy.flags:
                assert set(copy.words[:-1]) <= sent
                assert all((PROJECT / each).exists() for each in copy.words[:-1])


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_its_hash_and_no_address(name: str) -> None:
    pins = text(name).replace("\\\n", "").strip().splitlines()
    assert len(pins) > 40
    for pin in pins:
        assert re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", pin)
    assert "://" not in text(name)


def test_what_is_locked_for_tests_is_what_is_locked_for_running() -> None:
    running = set(re.findall(r"^(\S+==\S+)", text("requirements.txt"), re.MULTILINE))
    assert running <= set(re.findall(r"^(\S+==\S+)", text("requirements-dev.txt"), re.MULTILINE))


def test_the_browser_libraries_are_locked_without_addresses() -> None:
    packages = json.loads(text("package-lock.json"))["packages"]
    named = {name: each for name, each in packages.items() if name}
    assert named
    assert all("resolved" not in each and "integrity" in each for each in named.values())


def test_the_page_of_settings_is_current() -> None:
    assert text(settings_page.PATH) == settings_page.page()


def test_the_top_level_is_tidy() -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("no git repository")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    names = {Path(line).parts[0] for line in listed.stdout.splitlines()}
    assert {name for name in names if not name.startswith(".")} <= TOP
