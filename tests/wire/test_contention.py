"""Two that want the same rows: nobody is answered with a failure of the server."""

import asyncio
import json
import urllib.error

import pytest

from tests.wire.lines import kept, post
from tests.wire.locks import holding

CONVERSATION = "SELECT FROM chat_conversation WHERE id = %s FOR UPDATE"
LEASE = "SELECT FROM lease WHERE response_id = %s FOR UPDATE"


async def test_a_conversation_is_deleted_although_a_response_ends_at_that_moment(
    chat, model, served, account
):
    cookie = await kept(account.session_cookie)
    response_id = await chat.prompt(model.begins("One "))
    conversation = chat.conversation_of(response_id)
    async with holding() as end:
        # As an end does it: the lease first, then the conversation.
        await end.hold(LEASE, response_id)
        deleted = asyncio.create_task(post(served, cookie, f"/conversations/{conversation}/delete"))
        await end.waited_for()
        await end.hold(CONVERSATION, conversation)
    await deleted
    await chat.refusal(response_id=response_id)


@pytest.mark.parametrize("what", ["rename", "delete"])
async def test_a_conversation_that_somebody_holds_for_too_long_is_tried_later(
    chat, model, served, account, what
):
    cookie = await kept(account.session_cookie)
    conversation = (await chat.answer(model.says("One.")))["conversation"]["id"]
    path = f"/conversations/{conversation}/{what}"
    async with holding() as other:
        await other.hold(CONVERSATION, conversation)
        asked = asyncio.create_task(post(served, cookie, path, {"title": "Counting"}))
        await other.turn_away()
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asked
    assert refused.value.code == 503
    assert json.load(refused.value)["error"]["code"] == "unavailable"
    await post(served, cookie, path, {"title": "Counting"})
