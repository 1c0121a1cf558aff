"""`make run`, less make: it starts everything, says so, and leaves nothing behind."""

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from project import postgres_folder
from tests.infra.launched import Launched, running_in

Launch = Callable[..., Launched]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the tests of this module share: making a database takes a second."""
    return tmp_path_factory.mktemp("a launcher") / "var"


@pytest.fixture
def launch(var: Path) -> Iterator[Launch]:
    launched: list[Launched] = []

    def start(folder: Path = var, **given: str) -> Launched:
        launched.append(Launched(folder, **given))
        return launched[-1]

    yield start
    for each in launched:
        each.close()


def refusal(launched: Launched, code: int = 1) -> str:
    """The one line on stderr with which it did not start."""
    assert launched.ended() == code
    said = launched.complaint()
    assert said.startswith("interject: ")
    assert said.count("\n") == 1
    assert "Interject answers" not in launched.said
    return said


def test_a_first_start_makes_everything_and_a_second_finds_it(var: Path, launch: Launch) -> None:
    first = launch().ready()
    with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/healthz") as answer:
        assert answer.status == 200
    assert re.search(r"name +admin\n +password +\S{20,}\n", first.said)
    assert first.stop(signal.SIGTERM) == 0
    assert running_in(var) == []

    second = launch().ready()
    assert "password" not in second.said
    assert second.ctrl_c() == 0
    assert "server     stopped" in second.said
    assert running_in(var) == []


def test_a_stop_in_the_middle_of_the_start_leaves_nothing(var: Path, launch: Launch) -> None:
    for text in ("is free", "started", "Postgres"):
        assert launch().until(text).ctrl_c() == 0
        assert running_in(var) == []


def test_a_killed_run_is_cleaned_up_by_the_next(var: Path, launch: Launch) -> None:
    launch().ready().stop(signal.SIGKILL)
    assert running_in(var)
    after = launch().ready()
    assert "found running" in after.said
    assert after.stop() == 0
    assert running_in(var) == []


def test_a_pid_file_of_a_dead_server_stops_nobody(var: Path, launch: Launch) -> None:
    launch().ready().stop()
    pid_file = var / postgres_folder.FOLDER / postgres_folder.PID_FILE
    # As after a power cut: the number belongs to somebody else by now.
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1700000000\n5432\n/tmp\n\n0 0\nready\n")
    assert launch().ready().stop() == 0


def test_two_do_not_share_a_folder(var: Path, launch: Launch) -> None:
    first = launch().ready()
    assert "is in use by another `make run`" in refusal(launch())
    with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/healthz") as answer:
        assert answer.status == 200
    assert first.stop() == 0


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path, launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"PORT {port} is in use" in refusal(launch(tmp_path / "var", PORT=str(port)))
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("given", "code", "why"),
    [
        ({"HOST": "203.0.113.7"}, 1, "HOST '203.0.113.7' is not an address of this machine"),
        ({"VAR_DIR": "/dev/null"}, 1, "make it writable, or set VAR_DIR"),
        ({"DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/x"}, 1, "see to that Postgres"),
        ({"REDIS_URL": "redis://:hunter2@127.0.0.1:1"}, 1, "see to that Redis"),
        ({"CHAT_SERVER": "gunicorn"}, 2, "CHAT_SERVER must be daphne or uvicorn"),
    ],
)
def test_what_stands_in_the_way_is_told_in_one_line(
    tmp_path: Path, launch: Launch, given: dict[str, str], code: int, why: str
) -> None:
    said = refusal(launch(tmp_path / "var", **given), code)
    assert why in said
    assert "hunter2" not in said


def test_a_postgres_that_does_not_start_says_why(tmp_path: Path, launch: Launch) -> None:
    broken = tmp_path / "var" / postgres_folder.FOLDER
    broken.mkdir(parents=True)
    (broken / "PG_VERSION").write_text("18\n")
    assert "postgresql.conf" in refusal(launch(tmp_path / "var"))
