"""How a socket ends with the login that opened it, and what that leaves alone."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from chat.models import ApiKey, User
from tests.service import Account, Service, new_account
from tests.wire.lines import Line, by_cookie, kept, line, post, signed_in

SIGNED_OUT = 4401


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
