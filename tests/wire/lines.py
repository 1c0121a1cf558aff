"""What the tests of the wire share: a line to the service, and the model at its other end."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.db import connections
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.gate import Gate
from tests.service import Account, Service, Socket
from tests.upstream import Seen, Upstream
from tests.upstream_script import HANG, Script, call, chunk, whole

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
TERMINAL = ("response.completed", "response.incomplete", "response.failed")
Found = TypeVar("Found")

# What no event of a response is, though it bears the response's id.
UNNUMBERED = ("error", "response.steer.", "interject:")


def is_event(frame: dict[str, Any]) -> bool:
    """Whether a frame is one of the numbered events of a response."""
    return not frame["type"].startswith(UNNUMBERED)


class Line(Socket):
    """A socket that speaks in prompts and answers."""

    async def prompt(self, text: Any, /, **fields: Any) -> str:
        """Prompt, and wait until the response is created. Returns its id."""
        await self.send("response.create", input=text, **fields)
        return (await self.until("response.created"))["response"]["id"]

    async def answer(self, text: Any, /, **fields: Any) -> dict[str, Any]:
        """Prompt, and wait for the end. Returns the response as it ended."""
        return await self.end(await self.prompt(text, **fields))

    async def end(self, response_id: str) -> dict[str, Any]:
        """The response as its terminal event has it."""
        return (await self.until(*TERMINAL, response_id=response_id))["response"]

    async def follow(self, conversation: str, **fields: Any) -> dict[str, Any]:
        """Follow, and wait for the answer: a snapshot, or word that the cursors were served."""
        await self.send("interject:follow", conversation=conversation, **fields)
        return await self.until("interject:snapshot", "interject:followed")

    async def shown(self, response_id: str, text: str) -> None:
        """Wait until this much of the answer was shown, exactly."""
        while self.text_of(response_id) != text:
            await self.until("response.output_text.delta", response_id=response_id)

    async def steer_at_once(self, response_id: str, inputs: list[str]) -> list[dict[str, Any]]:
        """Many steers. Returns what each was answered, in order."""
        for given in inputs:
            await self.send("response.steer", previous_response_id=response_id, input=given)
        kinds = ("response.steer.accepted", "response.steer.failed")
        return [await self.until(*kinds) for _ in inputs]

    async def refusal(self, **fields: Any) -> dict[str, Any]:
        """The next error frame."""
        return await self.until("error", **fields)

    async def fence(self) -> list[dict[str, Any]]:
        """Wait until all that is on its way has come. Returns what came meanwhile.

        The answer to a frame that means nothing comes behind everything that was ready before it.
        """
        already, name = len(self.frames), f"fence-{uuid4().hex}"
        await self.send("no.such.frame", event_id=name)
        await self.refusal(event_id=name)
        return self.frames[already:-1]

    async def closing(self) -> int:
        """Read until the service closes the connection. Returns the code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.receive()
        assert self.connection.close_code is not None
        return self.connection.close_code

    def events(self, response_id: str) -> list[dict[str, Any]]:
        """The response's own events, as they came."""
        return [
            frame
            for frame in self.frames
            if frame.get("response_id") == response_id and is_event(frame)
        ]

    def kinds(self, response_id: str) -> list[str]:
        return [event["type"] for event in self.events(response_id)]

    def numbers(self, response_id: str) -> list[int]:
        return [event["sequence_number"] for event in self.events(response_id)]

    def conversation_of(self, response_id: str) -> str:
        found: str = self.events(response_id)[0]["response"]["conversation"]["id"]
        return found

    def ours(self) -> list[str]:
        """The types of the frames that only this service has."""
        return [f["type"] for f in self.frames if f["type"].startswith("interject:")]


class Model:
    """The model behind the service: what it says to a test's own prompts, and what it was asked."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._first = len(upstream.requests)

    def says(self, *texts: str, gate: Gate | None = None) -> str:
        """A prompt that is answered by the texts; a gate stands before the last of them."""
        return self.answers(whole(*texts, gate=gate))

    def answers(self, script: Any) -> str:
        """A prompt that is answered by the script."""
        prompt = f"prompt {uuid4().hex}"
        self._upstream.scripts[prompt] = script
        return prompt

    def begins(self, *texts: str) -> str:
        """A prompt whose answer begins with the texts, and never ends."""
        return self.answers(Script([*map(chunk, texts), HANG]))

    def is_silent(self) -> str:
        """A prompt that is never answered."""
        return self.answers(Script(before_head=[HANG]))

    async def asked(self, prompt: str, number: int = 0) -> Seen:
        """What upstream was asked for the prompt, as soon as it was."""
        await self._upstream.until(lambda: len(self._found(prompt)) > number)
        return self._found(prompt)[number]

    def times_asked(self, prompt: str) -> int:
        return len(self._found(prompt))

    def _found(self, prompt: str) -> list[Seen]:
        return [seen for seen in self._upstream.requests[self._first :] if seen.prompt == prompt]


@contextlib.asynccontextmanager
async def line(
    service: Service, account: Account, query: str = "?interject=1", **options: Any
) -> AsyncIterator[Line]:
    # Whatever a test leaves unread is taken in all the same, or closing would wait for it.
    options = {"max_queue": None, **options}
    async with service.connect(account, query, **options) as connection:
        yield Line(connection)


async def steer_behind_a_call(chat: Line, model: Model, **fields: Any) -> str:
    """Steer a model that called a function and speaks on: "Gently." waits for the output.

    Returns the id of the response; the call is `call_1`.
    """
    # At once: what comes behind a call makes it whole, but is not shown yet.
    speaks_on = Script([call(0, "call_1", "look", "{}") + chunk("Meanwhile "), HANG])
    response_id = await chat.prompt(model.answers(speaks_on), tools=[TOOL], **fields)
    await chat.until("response.function_call_arguments.delta")
    await chat.send("response.steer", previous_response_id=response_id, input="Gently.")
    return response_id


def plain(service: Service, account: Account) -> Any:
    """A line of a client that knows nothing of our extensions."""
    return line(service, account, query="")


def by_cookie(service: Service, cookie: str | None, **options: Any) -> connect:
    """An opening with the cookie of a session, or none."""
    headers = {"Cookie": cookie} if cookie else {}
    return connect(service.ws_url + "?interject=1", additional_headers=headers, **options)


async def kept(look: Callable[[], Found]) -> Found:
    """What the ORM finds, asked from a coroutine."""

    def asked() -> Found:
        try:
            return look()
        finally:
            connections.close_all()

    return await sync_to_async(asked)()


async def signed_in(account: Account) -> str:
    """The cookie of a new session."""
    return await kept(account.session_cookie)


async def post(service: Service, cookie: str, path: str, body: Any = None) -> None:
    """Do something on the page, as its session."""
    token = "t" * 32
    headers = {
        "Cookie": f"{cookie}; csrftoken={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/json",
    }
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(service.url + path, data, headers, method="POST")
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=10) as answer:
        assert answer.status == 200


def texts(response: dict[str, Any]) -> str:
    """The text of an ended response's messages."""
    return "".join(
        part.get("text", "")
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def said(seen: Seen) -> list[tuple[str, str]]:
    """The messages that upstream was sent, as (role, text)."""
    return [(each["role"], each.get("content") or "") for each in seen.json["messages"]]
