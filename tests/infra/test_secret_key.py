"""The key that is made where none is set."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project import secret_key
from project.checks import MIN_SECRET_CHARS


def test_it_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret_key"
    key = secret_key.load_or_make(path)
    assert len(key) >= MIN_SECRET_CHARS
    assert secret_key.load_or_make(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret_key"]


def test_two_services_do_not_get_the_same(tmp_path: Path) -> None:
    assert secret_key.load_or_make(tmp_path / "a") != secret_key.load_or_make(tmp_path / "b")


def test_those_who_start_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: secret_key.load_or_make(path), range(64)))
    assert len(keys) == 1


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.touch()
    with pytest.raises(OSError, match="is empty"):
        secret_key.load_or_make(path)
