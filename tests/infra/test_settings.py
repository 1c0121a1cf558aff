"""Django's settings, as a service gets them."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chat.models import User
from tests.infra.image_check import PROJECT

NEWCOMER = {"username": "newcomer", "password1": "correct horse", "password2": "correct horse"}


def check(tmp_path: Path, **given: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(tmp_path / "var"),
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env=environment | given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wrong_value_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = check(tmp_path, PORT="eighty")
    assert done.returncode == 2
    assert done.stderr == "interject: PORT must be a whole number, and is 'eighty'\n"
    assert done.stdout == ""


def test_a_folder_that_cannot_be_written_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    done = check(tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "SECRET_KEY" in done.stderr


def test_a_key_that_is_set_needs_no_folder(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    assert check(tmp_path, SECRET_KEY="k" * 40).returncode == 0


@pytest.mark.django_db
def test_pages_forbid_inline_scripts_and_foreign_sources() -> None:
    policy = Client().get("/accounts/login/").headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == directives["script-src"] == "'self'"
    assert directives["style-src"] == directives["font-src"] == "'self'"
    assert directives["img-src"] == "'self' data:"
    assert directives["object-src"] == directives["base-uri"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "eval" not in policy


@pytest.mark.django_db
def test_the_admin_signs_in_by_the_page_that_limits_tries() -> None:
    response = Client().get("/admin/login/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


@pytest.mark.django_db
def test_the_session_cookie_is_out_of_reach_of_scripts() -> None:
    User.objects.create_user("ada-by-page", password="correct horse")
    response = Client().post(
        "/accounts/login/", {"login": "ada-by-page", "password": "correct horse"}
    )
    cookie = response.cookies["interject_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.django_db
def test_signing_up_takes_a_name_and_a_password() -> None:
    assert Client().post("/accounts/signup/", NEWCOMER).status_code == 302
    assert User.objects.filter(username="newcomer").exists()


@pytest.mark.django_db
def test_a_closed_service_takes_nobody_in(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, signup=False)
    Client().post("/accounts/signup/", NEWCOMER)
    assert not User.objects.filter(username="newcomer").exists()
