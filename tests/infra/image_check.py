"""Proof of the image where there is no Docker: its own commands, run in an empty folder.

Follows the Dockerfile instruction by instruction. `/srv` becomes a folder; each stage begins with
an empty one, gets what its COPY lines name and .dockerignore lets through, and runs its RUN lines
with its ENV and nothing of ours. Then the image's CMD serves with the environment that
docker-compose.yml gives it, as the user that USER names where we may become that, on a real
Postgres and a real Redis, until HEALTHCHECK's own command is content; and SIGTERM must end it.
"""

import contextlib
import fnmatch
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.infra import dockerfile, services

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 30
# Docker too learns of health only by running HEALTHCHECK again and again, though less often.
CHECK_AGAIN_SECONDS = 0.3
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# How this machine reaches its registries; the image has no say in it.
PASSED_ON = re.compile(r"(PIP_|NPM_CONFIG_|NODE_EXTRA_|SSL_|HTTPS?_PROXY|NO_PROXY)", re.IGNORECASE)
GIVEN = {"POSTGRES_PASSWORD": "unused, the server trusts us", "SECRET_KEY": "k" * 50}


class Build:
    """The stages of an image, each in a folder that stands for its /srv."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.srv = folder / "srv"
        self.environment: dict[str, str] = {}
        self.working = self.srv
        self._ignored = (PROJECT / ".dockerignore").read_text().splitlines()

    def run(self, stage: dockerfile.Stage) -> None:
        self.srv.mkdir()
        self.working = self.srv
        self.environment = {"PATH": SYSTEM_PATH, "HOME": str(self.folder)}
        self.environment |= {k: v for k, v in os.environ.items() if PASSED_ON.match(k)}
        for each in stage.instructions:
            if each.word in ("WORKDIR", "ENV", "RUN", "COPY"):
                print(f"  {each.word:<8} {each.rest}", flush=True)
                getattr(self, f"_{each.word.lower()}")(each)

    def keep_as(self, name: str) -> None:
        self.srv.rename(self.folder / name)

    def placed(self, text: str) -> str:
        return re.sub(r"(?<![\w./-])/srv\b", str(self.srv), text)

    def _workdir(self, each: dockerfile.Instruction) -> None:
        self.working = Path(self.placed(each.rest))
        self.working.mkdir(parents=True, exist_ok=True)

    def _env(self, each: dockerfile.Instruction) -> None:
        for word in each.words:
            name, _, value = word.partition("=")
            before = self.environment.get(name, "")
            self.environment[name] = self.placed(value).replace(f"${name}", before)

    def _run(self, each: dockerfile.Instruction) -> None:
        subprocess.run(
            ["/bin/sh", "-c", self.placed(each.rest)],
            cwd=self.working,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            check=True,
        )

    def _copy(self, each: dockerfile.Instruction) -> None:
        *sources, target = each.words
        stage = each.flags.get("from")
        for source in sources:
            origin = (
                self.folder / stage / source.removeprefix("/srv/") if stage else PROJECT / source
            )
            assert origin.exists(), f"COPY of what is not there: {source}"
            assert stage or self._is_sent(source), f".dockerignore keeps back {source}"
            place = Path(self.working, self.placed(target))
            if origin.is_dir():
                ignore = None if stage else self._ignore
                shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True, ignore=ignore)
            else:
                shutil.copy2(origin, place)

    def _is_sent(self, path: str) -> bool:
        sent = True
        for line in self._ignored:
            pattern = line.strip().removeprefix("!").removeprefix("**/")
            if pattern and not line.startswith("#") and fnmatch.fnmatch(path, pattern):
                sent = line.startswith("!")
        return sent

    def _ignore(self, folder: str, names: list[str]) -> list[str]:
        inside = Path(folder).relative_to(PROJECT)
        patterns = [line.strip() for line in self._ignored if line and line[0] not in "#!*"]
        kept_back = [name for name in names if str(inside / name) in patterns]
        return [*kept_back, *(name for name in names if name == "__pycache__")]


def environment_of_web(postgres_port: int, redis_port: int) -> dict[str, str]:
    """What docker-compose.yml gives the web service, with our servers in the place of its own."""
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    given = compose["services"]["web"]["environment"]
    spelled = {name: _substituted(str(value)) for name, value in given.items()}
    return {
        name: value.replace("postgres:5432", f"127.0.0.1:{postgres_port}").replace(
            "redis:6379", f"127.0.0.1:{redis_port}"
        )
        for name, value in spelled.items()
    }


def _substituted(text: str, given: Mapping[str, str] = GIVEN) -> str:
    return re.sub(
        r"\$\{(\w+):([-?])([^}]*)\}",
        lambda found: given[found[1]] if found[2] == "?" else given.get(found[1], found[3]),
        text,
    )


class Container:
    """What runs the image's commands: its folder, its environment, its user."""

    def __init__(self, build: Build, image: dockerfile.Stage, given: dict[str, str]) -> None:
        self.port = services.free_port()
        self._working = build.working
        self._environment = build.environment | given | {"PORT": str(self.port)}
        # Only root may become the user that the image names.
        named = int(image.last("USER").rest.partition(":")[0])
        self._user = named if os.geteuid() == 0 else None

    def start(self, command: list[str], stderr: int | None = None) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            stderr=stderr,
            cwd=self._working,
            env=self._environment,
            user=self._user,
            group=self._user,
            stdin=subprocess.DEVNULL,
        )

    def succeeds(self, command: list[str]) -> bool:
        return self.start(command, stderr=subprocess.DEVNULL).wait() == 0


def serve(image: dockerfile.Stage, container: Container) -> None:
    """Run CMD until HEALTHCHECK is content and /readyz agrees; then stop it."""
    migrate = ["python", "manage.py", "migrate", "--no-input", "--verbosity=0"]
    assert container.start(migrate).wait() == 0, "the tables cannot be made"
    command = image.last("CMD").command
    print(f"  CMD      {command}", flush=True)
    began = time.monotonic()
    with container.start(command) as server:
        try:
            _wait(server, container, image.last("HEALTHCHECK").command)
            print(f"  HEALTHCHECK is content after {time.monotonic() - began:.1f} s", flush=True)
            print(f"  /readyz  {_readiness(container.port)}", flush=True)
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(STOP_SECONDS)
    assert code == 0, f"SIGTERM ended it with {code}"


def _readiness(port: int) -> str:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(asking):
        asking.request("GET", "/readyz")
        answer = asking.getresponse()
        said = answer.read().decode()
    assert answer.status == http.HTTPStatus.OK, said
    return said


def _wait(server: "subprocess.Popen[bytes]", container: Container, check: list[str]) -> None:
    check = [word.replace(":8000", f":{container.port}") for word in check]
    deadline = time.monotonic() + READY_SECONDS
    while not container.succeeds(check):
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "HEALTHCHECK is never content"
        time.sleep(CHECK_AGAIN_SECONDS)


def main() -> int:
    stages = dockerfile.parse((PROJECT / "Dockerfile").read_text())
    folder = Path(tempfile.mkdtemp(prefix="interject-image-"))
    folder.chmod(0o755)
    try:
        build = Build(folder)
        for stage in stages:
            print(f"FROM {stage.base}", flush=True)
            build.run(stage)
            if stage.name:
                build.keep_as(stage.name)
        with (
            services.postgres(folder, "interject", "interject") as postgres_port,
            services.redis_server() as redis_port,
        ):
            given = environment_of_web(postgres_port, redis_port)
            serve(stages[-1], Container(build, stages[-1], given))
    finally:
        shutil.rmtree(folder)
    print("The image's commands work.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
