"""Who may open a socket: by a key or by a session, and also when Postgres comes and goes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat.models import ApiKey
from tests.service import Account, Service
from tests.wire.lines import Line, by_cookie, kept, line, signed_in, texts

TRY_AGAIN = 1013


async def refused(opening: connect) -> int:
    """The HTTP status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        await opening
    return refusal.value.response.status_code


def status_of(service: Service) -> int:
    """Daphne can only close before the handshake, which is a 403."""
    return 403 if service.server == "daphne" else 401


async def test_nobody_comes_in_without_a_credential(served):
    assert await refused(connect(served.ws_url)) == status_of(served)


@pytest.mark.parametrize(
    "authorization", ["Bearer ", "Bearer wrong", "Basic dXNlcjpwYXNz", "wrong", "Bearer \u00fc"]
)
async def test_a_bad_key_is_refused(served, authorization):
    headers = {"Authorization": authorization}
    assert await refused(connect(served.ws_url, additional_headers=headers)) == status_of(served)


async def test_a_bad_key_is_not_saved_by_a_cookie(served, account):
    headers = {"Authorization": "Bearer wrong", "Cookie": await signed_in(account)}
    opening = connect(served.ws_url, additional_headers=headers, origin=served.url)
    assert await refused(opening) == status_of(served)


async def test_a_revoked_key_is_refused(served, account):
    await kept(lambda: ApiKey.objects.filter(user=account.user).update(revoked_at=timezone.now()))
    assert await refused(served.connect(account)) == status_of(served)


async def test_a_key_needs_no_origin_and_minds_none(served, account, model):
    for options in ({}, {"origin": "https://elsewhere.example"}):
        async with line(served, account, **options) as chat:
            assert texts(await chat.answer(model.says("Yes."))) == "Yes."


async def test_a_subprotocol_that_is_offered_is_echoed(served, account):
    async with served.connect(account, subprotocols=["responses"]) as connection:
        assert connection.subprotocol == "responses"


async def test_a_cookie_signs_in_from_a_page_of_ours(served, account, model):
    cookie = await signed_in(account)
    for origin in (served.url, f"http://localhost:{served.port}"):
        async with by_cookie(served, cookie, origin=origin) as connection:
            assert texts(await Line(connection).answer(model.says("Yes."))) == "Yes."


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://elsewhere.example",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1.elsewhere.example:{port}",
        "http://127.0.0.1:{port}@elsewhere.example",
    ],
)
async def test_a_cookie_is_refused_from_any_other_page(served, account, origin):
    cookie = await signed_in(account)
    spelled = origin.format(port=served.port) if origin else None
    assert await refused(by_cookie(served, cookie, origin=spelled)) == status_of(served)


@pytest.mark.parametrize("session_key", ["", "wrong", "x" * 500, "a; b=c"])
async def test_a_bad_session_is_refused(served, session_key):
    cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}"
    assert await refused(by_cookie(served, cookie, origin=served.url)) == status_of(served)


async def test_an_expired_session_is_refused(served, account):
    cookie = await signed_in(account)
    _, _, key = cookie.partition("=")
    await kept(lambda: Session.objects.filter(pk=key).update(expire_date=timezone.now()))
    assert await refused(by_cookie(served, cookie, origin=served.url)) == status_of(served)


def cut_the_connections_that_sign_in() -> None:
    """As a restart of Postgres does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query LIKE '%FROM chat_apikey AS key%'"
        )


async def test_who_comes_after_a_restart_of_the_database_comes_in(served, account, model):
    for _ in range(2):
        async with line(served, account) as chat:
            assert texts(await chat.answer(model.says("Yes."))) == "Yes."
        await kept(cut_the_connections_that_sign_in)


NAME = "way"


class Way:
    """The way of a service to Postgres: a link to its socket, that can be taken away."""

    def __init__(self, folder: Path) -> None:
        given = connection.settings_dict
        self._socket = Path(given["HOST"] or given["OPTIONS"].get("host", ""), ".s.PGSQL.5432")
        self._link = folder / self._socket.name
        if not self._socket.exists():
            pytest.skip("Postgres has no socket to link to")
        where = f"postgresql://{given['USER']}@/{given['NAME']}"
        self.url = f"{where}?host={folder}&application_name={NAME}"

    def open(self) -> None:
        self._link.symlink_to(self._socket)

    def close(self) -> None:
        """Nobody gets in any more, and who is in is thrown out."""
        self._link.unlink()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s",
                [NAME],
            )


@pytest.fixture
def way() -> Iterator[Way]:
    with tempfile.TemporaryDirectory() as folder:
        yield Way(Path(folder))


async def test_who_comes_while_the_database_is_away_is_told_to_try_again(served, account, way):
    way.open()
    running = Service(served.server, {"DATABASE_URL": way.url}).start()
    try:
        async with line(running, account) as chat:
            await kept(way.close)
            await turned_away(running, account)
            await chat.fence()  # Who is in stays.
            way.open()
        async with line(running, account) as chat:
            await chat.fence()
    finally:
        running.stop()


async def turned_away(service: Service, account: Account) -> None:
    """Daphne can only say 403 at a handshake, which is for good: it closes behind it."""
    if service.server == "uvicorn":
        with pytest.raises(InvalidStatus) as refusal:
            await service.connect(account)
        answer = refusal.value.response
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        return
    async with service.connect(account) as refused_later:
        with pytest.raises(ConnectionClosed):
            await refused_later.recv()
        assert refused_later.close_code == TRY_AGAIN
