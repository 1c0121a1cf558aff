"""Who may open a socket, and how one ends with the login that opened it."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat.models import ApiKey, User
from tests.service import Account, Service, new_account
from tests.wire.lines import Line, kept, line, post, texts

SIGNED_OUT = 4401
TRY_AGAIN = 1013


def by_cookie(service: Service, cookie: str | None, **options: Any) -> connect:
    headers = {"Cookie": cookie} if cookie else {}
    return connect(service.ws_url + "?interject=1", additional_headers=headers, **options)


async def refused(opening: connect) -> int:
    """The HTTP status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refusal:
        await opening
    return refusal.value.response.status_code


async def signed_in(account: Account) -> str:
    """The cookie of a new session."""
    return await kept(account.session_cookie)


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


def revoke(account: Account) -> None:
    ApiKey.objects.filter(user=account.user).update(revoked_at=timezone.now())


def delete_key(account: Account) -> None:
    ApiKey.objects.filter(user=account.user).delete()


def deactivate(account: Account) -> None:
    User.objects.filter(pk=account.user.pk).update(is_active=False)


def end_sessions(account: Account) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(account.user.pk):
            session.delete()


def change_password(account: Account) -> None:
    account.user.set_password("another one")
    account.user.save()


async def closed_by(chat: Line, account: Account, end: Callable[[Account], None]) -> int:
    await chat.fence()
    await kept(lambda: end(account))
    return await chat.closing()


async def test_a_socket_is_closed_when_the_key_that_opened_it_ends(served, account, stranger):
    async def close(end: Callable[[Account], None]) -> int:
        other = await kept(new_account)
        async with line(served, other) as chat:
            return await closed_by(chat, other, end)

    async with line(served, stranger) as not_meant:
        codes = await asyncio.gather(*map(close, (revoke, delete_key, deactivate)))
        assert codes == [SIGNED_OUT] * 3
        await not_meant.fence()


async def test_a_socket_is_closed_when_the_session_that_opened_it_ends(served):
    async def close(end: Callable[[Account], None]) -> int:
        other = await kept(new_account)
        cookie = await signed_in(other)
        async with by_cookie(served, cookie, origin=served.url) as connection:
            return await closed_by(Line(connection), other, end)

    codes = await asyncio.gather(*map(close, (end_sessions, change_password, deactivate)))
    assert codes == [SIGNED_OUT] * 3


async def test_signing_out_on_the_page_closes_the_sockets_of_that_session_only(served, account):
    here, elsewhere = await signed_in(account), await signed_in(account)
    async with (
        by_cookie(served, here, origin=served.url) as ended,
        by_cookie(served, elsewhere, origin=served.url) as other,
    ):
        await Line(ended).fence()
        await post(served, here, "/accounts/logout/")
        assert await Line(ended).closing() == SIGNED_OUT
        await Line(other).fence()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("response.create", {"input": "Hello"}),
        ("response.create", {"input": "Hello", "store": False}),
        ("interject:follow", {"conversation": "conv_1"}),
        ("interject:feedback", {"response_id": "resp_1", "rating": 1}),
        ("interject:cancel", {"response_id": "resp_1"}),
        ("interject:typing", {"conversation": "conv_1"}),
        ("interject:dequeue", {"target_event_id": "p"}),
    ],
)
async def test_a_frame_after_the_end_of_its_login_is_refused(served, database, kind, fields):
    """At once: it does not wait for the second's look."""
    frame = None
    while frame is None:
        frame = await said_to(served, await kept(new_account), kind, fields)
    assert (frame["status"], frame["error"]["code"]) == (401, "signed_out")
    assert frame["error"]["type"] == "authentication_error"


async def said_to(
    service: Service, account: Account, kind: str, fields: dict[str, Any]
) -> dict[str, Any] | None:
    """What is said to a frame after the end of its login. None: the second's look came first."""
    async with line(service, account) as chat:
        await kept(lambda: revoke(account))
        with contextlib.suppress(ConnectionClosed):
            await chat.send(kind, **fields)
        assert await chat.closing() == SIGNED_OUT
        return chat.frames[0] if chat.frames else None


async def test_a_steer_after_the_end_of_its_login_changes_nothing(served, account, model):
    prompt = model.begins("One ")
    async with line(served, account) as chat:
        response_id = await chat.prompt(prompt)
        await chat.shown(response_id, "One ")
        await kept(lambda: revoke(account))
        with contextlib.suppress(ConnectionClosed):  # The second's look may have come first.
            await chat.send("response.steer", previous_response_id=response_id, input="Never.")
        assert await chat.closing() == SIGNED_OUT
        assert "response.steer.accepted" not in [frame["type"] for frame in chat.frames]
    assert (await model.asked(prompt)).is_open


async def test_a_revoked_key_does_not_end_what_runs(served, account, model, stranger):
    """What was asked while it held is still kept."""
    prompt = model.begins("One ")
    async with line(served, account) as chat:
        response_id = await chat.prompt(prompt)
        await chat.shown(response_id, "One ")
        await kept(lambda: revoke(account))
        assert await chat.closing() == SIGNED_OUT
    assert (await model.asked(prompt)).is_open


def cut_the_connections_that_sign_in() -> None:
    """As a restart of Postgres does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND query SIMILAR TO '(SELECT|UPDATE) \"chat_apikey\"%'"
        )


async def test_who_comes_after_a_restart_of_the_database_comes_in(served, account, model):
    for _ in range(2):
        async with line(served, account) as chat:
            assert texts(await chat.answer(model.says("Yes."))) == "Yes."
        await kept(cut_the_connections_that_sign_in)


class Way:
    """The way of a service to Postgres: a link to its socket, that can be taken away."""

    def __init__(self, folder: Path) -> None:
        given = connection.settings_dict
        self._socket = Path(given["HOST"] or given["OPTIONS"].get("host", ""), ".s.PGSQL.5432")
        self._link = folder / self._socket.name
        if not self._socket.exists():
            pytest.skip("Postgres has no socket to link to")
        self.url = f"postgresql://{given['USER']}@/{given['NAME']}?host={folder}"

    def open(self) -> None:
        self._link.symlink_to(self._socket)

    def close(self) -> None:
        self._link.unlink()


@pytest.fixture
def way() -> Iterator[Way]:
    with tempfile.TemporaryDirectory() as folder:
        yield Way(Path(folder))


async def test_who_comes_while_the_database_is_away_is_told_to_try_again(served, account, way):
    way.open()
    running = Service(served.server, {"DATABASE_URL": way.url}).start()
    try:
        async with line(running, account) as chat:
            way.close()
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
