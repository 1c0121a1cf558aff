"""Steers that found their response ended: they mean its successor, make one, or come back.

A steer that was accepted is applied exactly once, or given back; it is never forgotten.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from chat import queries
from chat.database import Pool
from chat.engine import intents
from chat.engine.bus import Bus
from chat.engine.dispatcher import Dispatcher
from chat.engine.intents import Intent
from chat.engine.notices import SteerFailed, SteerHeld
from chat.engine.prompt import Prompt
from chat.protocol import ids, lifecycle
from chat.protocol.errors import Unavailable
from chat.protocol.events import ResponseInfo
from chat.protocol.items import Item, unanswered_calls


class Steering:
    def __init__(self, pool: Pool, dispatcher: Dispatcher, bus: Bus) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._bus = bus

    async def leftovers(self, response_id: str, wishes: list[Intent]) -> None:
        """Wishes whose response has ended: they mean its successor, or make one, or come back."""
        if wishes[0].successor_id and wishes[0].status == lifecycle.INCOMPLETE:
            for wish in wishes:
                await intents.aim_at(self._pool, wish.id, wishes[0].successor_id)
            return
        cancels = [wish.id for wish in wishes if wish.kind == intents.CANCEL]
        if cancels:
            await intents.drop(self._pool, cancels)
        steers = [wish for wish in wishes if wish.kind == intents.STEER]
        stored = await queries.response(self._pool, response_id) if steers else None
        if stored is None:
            await intents.drop(self._pool, [steer.id for steer in steers])
        elif stored.status == lifecycle.COMPLETED or _was_steered(stored):
            await self._continue_completed(stored, steers)
        elif stored.info.conversation_id:
            await self._give_back(response_id, stored.info.conversation_id, steers)

    async def _continue_completed(
        self, stored: queries.StoredResponse, steers: list[Intent]
    ) -> None:
        info = stored.info
        output = await queries.output_items(self._pool, info.id)
        calls = unanswered_calls(output)
        if calls:
            await self._hold(info, steers, list(calls.values()))
            return
        try:
            started = await self._dispatcher.dispatch(successor_prompt(info, steers))
        except Unavailable:
            return  # This process stops: the steers wait for the next one.
        if started is None and info.conversation_id:
            await self._give_back(info.id, info.conversation_id, steers)

    async def settle(self, response_id: str, conversation_id: str, steers: list[Intent]) -> None:
        """Steers that the end made no successor of."""
        stored = await queries.response(self._pool, response_id)
        if stored is not None and (stored.status == lifecycle.COMPLETED or _was_steered(stored)):
            await self._continue_completed(stored, steers)
        else:
            await self._give_back(response_id, conversation_id, steers)

    async def _hold(self, info: ResponseInfo, steers: list[Intent], calls: list[Item]) -> None:
        await intents.hold(self._pool, [steer.id for steer in steers])
        required = [
            {"type": "function_call_output", "call_id": call["call_id"], "name": call["name"]}
            for call in calls
        ]
        for steer in steers:
            self._bus.tell(
                SteerHeld(
                    info.conversation_id or "",
                    info.id,
                    steer.payload["connection_id"],
                    steer.payload["steer_id"],
                    required,
                )
            )

    async def _give_back(
        self, response_id: str, conversation_id: str, steers: list[Intent]
    ) -> None:
        dropped = await intents.drop(self._pool, [steer.id for steer in steers])
        for steer in steers:
            if steer.id in dropped:
                self._bus.tell(
                    SteerFailed(
                        conversation_id,
                        response_id,
                        steer.payload["connection_id"],
                        steer.payload["steer_id"],
                        steer.payload["given"],
                        "response_not_active",
                        "The response ended before the input could be used. Send it as a prompt.",
                    )
                )


def _was_steered(stored: queries.StoredResponse) -> bool:
    return stored.ending is not None and stored.ending.reason == lifecycle.STEERED


def successor_prompt(info: ResponseInfo, steers: Sequence[Intent]) -> Prompt:
    """A prompt that goes on from a response with the input of its steers, in their order.

    It inherits every setting. It goes to whoever steered, and to the followers.
    """
    last: dict[str, Any] = steers[-1].payload
    return Prompt(
        user_id=last["user_id"],
        username=last["username"],
        items=[item for steer in steers for item in steer.payload["items"]],
        request=info.request,
        metadata=info.metadata,
        model=info.model,
        conversation_id=info.conversation_id,
        parent_id=info.id,
        event_ids=[event_id for steer in steers if (event_id := steer.payload["event_id"])],
        intent_ids=[steer.id for steer in steers],
        connection_ids=sorted({steer.payload["connection_id"] for steer in steers}),
        response_id=ids.response_id(),
    )


async def with_held_steers(pool: Pool, asked: Prompt) -> Prompt:
    """Steering input that waited for the outputs of the parent's calls goes before the prompt's."""
    steers = await intents.held(pool, asked.parent_id) if asked.parent_id else []
    if not steers:
        return asked
    items = [item for steer in steers for item in steer.payload["items"]]
    return msgspec.structs.replace(
        asked, items=[*items, *asked.items], intent_ids=[steer.id for steer in steers]
    )
