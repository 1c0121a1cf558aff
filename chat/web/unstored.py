"""Responses of one connection that are not stored: run here, remembered here, gone with it."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from chat import queries, services
from chat.engine import prompt
from chat.engine.ephemeral import EphemeralRun
from chat.engine.notices import SteerFailed, SteerHeld
from chat.engine.prompt import Prompt
from chat.protocol import ids, lifecycle, transcript
from chat.protocol.batch import Batch
from chat.protocol.calls import check_calls
from chat.protocol.creation import Creation
from chat.protocol.errors import BadRequest
from chat.protocol.items import REFERENCE, Item, unanswered_calls
from chat.protocol.memory import Memory
from chat.protocol.requests import Steer
from chat.providers.base import ModelRequest
from chat.services import Remembered
from chat.web import frames
from chat.web.connection import Connection
from chat.web.outbox import Stream


class Unstored:
    """`_held`: steers of each parent that wait for the client's tool outputs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory = Memory(settings.CHAT.store_false_bytes)
        self._run: EphemeralRun | None = None
        self._held: dict[str, list[Item]] = {}

    def remembered(self, response_id: str | None) -> Remembered | None:
        """What a parent in memory and those before it said, if it is there."""
        items = self._memory.get(response_id) if response_id else None
        return None if response_id is None or items is None else Remembered(response_id, items)

    async def run(self, creation: Creation, stream_id: str | None) -> None:
        """Run a prompt, and the successors that steers make of it, to the end."""
        connection = self._connection
        await services.check_login(connection.engine, connection.identity)
        model = await services.choose_model(connection.engine, creation.model)
        items = self._without_references(creation)
        parent_id = creation.previous_response_id
        context = await self._context(parent_id) if parent_id else []
        try:
            check_calls(list(unanswered_calls(context)), items)
        except BadRequest:
            self._memory.evict(parent_id or "")
            raise
        asked = prompt.of_creation(
            creation,
            items=[*self._held.pop(parent_id or "", []), *items],
            user_id=connection.identity.user_id,
            username=connection.identity.username,
            model=model,
            parent_id=parent_id,
            context=context,
        )
        successor: Prompt | None = asked
        while successor is not None:
            successor = await self._run_one(successor, stream_id)

    def cancel(self, response_id: str, event_id: str | None) -> bool:
        """True: the response is one of this connection's memory, and is stopped."""
        run = self._run
        if run is None or run.response_id != response_id:
            return False
        clock = self._connection.engine.dispatcher.clock
        run.cancel({"asked_by": self._connection.identity.username, "asked_at": clock()})
        run.cancels.append(event_id)
        return True

    def steer(self, steer: Steer) -> str | None:
        """The id of the steer that a running response took up; None: it is none of this memory."""
        run = self._run
        if run is None or run.response_id != steer.previous_response_id:
            return None
        steer_id = ids.steer_id()
        given = {"steer_id": steer_id, "items": steer.items, "given": steer.given}
        return steer_id if run.steer(given) else None

    async def _run_one(self, asked: Prompt, stream_id: str | None) -> Prompt | None:
        """Run one response. Returns the prompt of its successor, if it was steered."""
        engine, outbox = self._connection.engine, self._connection.outbox
        info = prompt.describe(asked, engine.dispatcher.clock(), store=False)
        stream = outbox.open(Stream(info.id, None, stream_id=stream_id, own=True))

        async def show(batch: Batch) -> None:
            await outbox.show(stream, batch.first_number, batch.frames)

        async def load() -> ModelRequest:
            items = transcript.context([*asked.context, *asked.items])
            run.input_chars = transcript.chars(items)
            return prompt.model_request(info, items)

        run = EphemeralRun(
            info=info,
            provider=engine.dispatcher.provider_for(asked),
            load_request=load,
            clock=engine.dispatcher.clock,
            interval=settings.CHAT.pulse_ms / 1000,
            show=show,
        )
        self._run = run
        try:
            ending, output = await engine.dispatcher.host(run, prompt.opening_events(asked, info))
        finally:
            self._run = None
            outbox.close(info.id)
        context = [*asked.context, *asked.items, *output]
        if ending.status == lifecycle.FAILED:
            self._memory.evict(asked.parent_id or "")
        else:
            self._memory.put(info.id, context)
        self._say_receipts(run, ending.status)
        return self._successor(run, asked, ending, context)

    def _successor(
        self, run: EphemeralRun, asked: Prompt, ending: Any, context: list[Item]
    ) -> Prompt | None:
        if not run.steers:
            return None
        if ending.reason != lifecycle.STEERED and ending.status != lifecycle.COMPLETED:
            self._give_back(run)
            return None
        items = [item for steer in run.steers for item in steer["items"]]
        calls = unanswered_calls(context)
        if calls:
            self._hold(run, items, list(calls.values()))
            return None
        return Prompt(
            user_id=asked.user_id,
            username=asked.username,
            items=items,
            request=asked.request,
            metadata=asked.metadata,
            model=asked.model,
            parent_id=run.response_id,
            context=context,
        )

    def _hold(self, run: EphemeralRun, items: list[Item], calls: list[Item]) -> None:
        self._held[run.response_id] = items
        required = [
            {"type": "function_call_output", "call_id": call["call_id"], "name": call["name"]}
            for call in calls
        ]
        for steer in run.steers:
            held = SteerHeld("", run.response_id, "", steer["steer_id"], required)
            number = max(self._connection.outbox.last_sent(run.response_id), 0)
            self._connection.outbox.say(frames.steer_pending(held, number, None))

    def _give_back(self, run: EphemeralRun) -> None:
        for steer in run.steers:
            failed = SteerFailed(
                "",
                run.response_id,
                "",
                steer["steer_id"],
                steer["given"],
                "response_not_active",
                "The response ended before the input could be used. Send it as a prompt.",
            )
            number = max(self._connection.outbox.last_sent(run.response_id), 0)
            self._connection.outbox.say(frames.steer_given_back(failed, number, None))

    def _say_receipts(self, run: EphemeralRun, status: str) -> None:
        number = max(self._connection.outbox.last_sent(run.response_id), 0)
        kept = {**(run.receipt or {}), "upstream_closed_at": run.answer.upstream_closed_at}
        for event_id in run.cancels:
            self._connection.say_ours(
                "cancelled",
                number,
                event_id=event_id,
                response_id=run.response_id,
                receipt=frames.receipt_of(
                    kept, status, run.usage(), run.answer.coalescer.chars, number
                ),
            )

    async def _context(self, parent_id: str) -> Sequence[Item]:
        remembered = self.remembered(parent_id)
        if remembered is not None:
            return remembered.items
        engine, identity = self._connection.engine, self._connection.identity
        standing = await queries.standing(engine.pool, identity, response_id=parent_id)
        if standing.parent is None:
            raise BadRequest(
                "previous_response_not_found",
                f"Previous response with id '{parent_id}' not found.",
                param="previous_response_id",
            )
        if standing.parent.status in lifecycle.LIVE:
            raise BadRequest(
                "previous_response_not_finished",
                "The previous response still runs: steer it, cancel it, or wait for its end.",
                param="previous_response_id",
            )
        return await queries.branch_items(engine.pool, parent_id)

    def _without_references(self, creation: Creation) -> list[Item]:
        if any(item["type"] == REFERENCE for item in creation.items):
            raise BadRequest(
                "unsupported_item",
                "With 'store' false nothing can be referred to: send the items themselves.",
                param="input",
            )
        return creation.items
