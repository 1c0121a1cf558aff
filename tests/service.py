"""The service as its users meet it: a process of its own, over real sockets, on either server."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect

from chat import api_keys
from chat.models import ApiKey, User

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
STOP_SECONDS = 20
PASSWORD = "correct horse battery staple"
LARGEST_FRAME_BYTES = 400 * 1024  # That a page may send.


def database_url() -> str:
    """The database that the tests use, for another process."""
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    user = given["USER"] + (f":{given['PASSWORD']}" if given["PASSWORD"] else "")
    if host.startswith("/"):
        return f"postgresql://{user}@/{given['NAME']}?host={host}"
    return f"postgresql://{user}@{host}:{given['PORT'] or 5432}/{given['NAME']}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def _hashed() -> str:
    """The password, hashed once a run: hashing is slow by design."""
    return make_password(PASSWORD)


class Account:
    """A user of the service, with both ways to sign in. `password` opens the sign-in page."""

    def __init__(self, user: User, key: str) -> None:
        self.user = user
        self.username = user.username
        self.password = PASSWORD
        self.key = key

    def session_cookie(self) -> str:
        """A new signed-in session, as a Cookie header. Needs a thread that may use the ORM."""
        session = SessionStore()
        session["_auth_user_id"] = str(self.user.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = self.user.get_session_auth_hash()
        session.create()
        return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def new_account() -> Account:
    """A new user with an API key. Needs a thread that may use the ORM."""
    user = User.objects.create(username=f"user-{uuid4().hex[:12]}", password=_hashed())
    key, prefix, digest = api_keys.mint()
    ApiKey.objects.create(user=user, prefix=prefix, digest=digest)
    return Account(user, key)


class Process:
    """One `manage.py` command in a process of its own. `settings` are environment variables.

    `root`: where its code is.
    """

    root = ROOT

    def __init__(self, *command: str, settings: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", *self._command],
            cwd=self.root,
            env={**os.environ, "DATABASE_URL": database_url(), **self._settings},
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it where it stands."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until the process has ended. Returns its exit status."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> None:
        """Stop it now: the first signal drains, the second ends what runs."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


class Worker(Process):
    """One `manage.py run_worker`."""

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, concurrency: int = 100
    ) -> None:
        super().__init__("run_worker", "--concurrency", str(concurrency), settings=settings)

    def start(self) -> "Worker":
        """Returns at once: what waits for a worker waits for this one as well."""
        self.spawn()
        return self


class Service(Process):
    """One `manage.py serve`."""

    def __init__(self, server: str, settings: Mapping[str, str] | None = None) -> None:
        self.server = server
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/v1/responses"
        # The origins that may bring a cookie follow from the port.
        super().__init__(
            "serve", "--server", server, "--port", str(self.port),
            settings={"PORT": str(self.port), **(settings or {})},
        )  # fmt: skip

    def start(self) -> "Service":
        self.spawn()
        self.wait_until_it_answers()
        return self

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"{self.server} did not start")
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, Any]:
        """GET a JSON page: its status, and what it says."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def new_user(self) -> tuple[str, str]:
        """A new user's name and password."""
        account = new_account()
        return account.username, account.password

    def client(self, account: Account) -> AsyncOpenAI:
        """The `openai` package's client, as a program of the account would make it."""
        return AsyncOpenAI(api_key=account.key, base_url=self.url + "/v1", max_retries=0)

    def connect(self, account: Account, query: str = "?interject=1", **options: Any) -> "connect":
        """A plain WebSocket, signed in by the account's key."""
        headers = {"Authorization": f"Bearer {account.key}"}
        return connect(self.ws_url + query, additional_headers=headers, max_size=None, **options)

    def _answers(self) -> bool:
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False


class Socket:
    """A WebSocket of a test: sends frames, and waits for the frame that it is after.

    `frames` holds everything that came. Waiting has a deadline.
    """

    SECONDS = 20

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(self.SECONDS):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
        self.frames.append(frame)
        return frame

    async def until(self, *kinds: str, **fields: Any) -> dict[str, Any]:
        """The next frame of one of the kinds, with these fields. Others are kept in `frames`."""
        while True:
            frame = await self.receive()
            matches = all(frame.get(name) == value for name, value in fields.items())
            if frame["type"] in kinds and matches:
                return frame

    def text_of(self, response_id: str) -> str:
        """What the frames so far said of a response's answer."""
        return "".join(
            frame["delta"]
            for frame in self.frames
            if frame["type"] == "response.output_text.delta" and frame["response_id"] == response_id
        )
