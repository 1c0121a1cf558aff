"""Responses of one connection that are not stored: run here, remembered here, gone with it."""

from collections.abc import Sequence

from django.conf import settings

from chat import finding, queries, services
from chat.engine import prompt
from chat.engine.answering import Switch
from chat.engine.ephemeral import EphemeralRun
from chat.engine.intents import MAX_PENDING_STEERS
from chat.engine.prompt import Prompt
from chat.protocol import ids, lifecycle, transcript
from chat.protocol.batch import Batch
from chat.protocol.calls import check_calls
from chat.protocol.creation import Creation
from chat.protocol.errors import BadRequest, NotFound
from chat.protocol.events import Ending
from chat.protocol.items import REFERENCE, Item, unanswered_calls
from chat.protocol.requests import BadSteer, Steer
from chat.providers.base import ModelRequest
from chat.services import Accepted, Asker, Remembered
from chat.web import frames
from chat.web.connection import Connection
from chat.web.remembering import Answered, Remembering, items_of
from chat.web.stream import Stream


class Unstored:
    """`_meant`: the ids by which a client may mean the response that runs.

    They are its own, and those of the ones that it came from by steers.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._memory = Remembering(connection)
        self._run: EphemeralRun | None = None
        self._meant: set[str] = set()

    @property
    def is_running(self) -> bool:
        return self._run is not None

    def remembered(self, response_id: str | None) -> Remembered | None:
        """What a parent in memory and those before it said, if it is there."""
        items = self._memory.context(response_id) if response_id else None
        if response_id is None or items is None:
            return None
        return Remembered(response_id, [*items, *self._memory.held_items(response_id)])

    def used_steers(self, response_id: str) -> None:
        """A stored child took up the steers that waited."""
        self._memory.take_held_items(response_id)

    def must_be_new(self, asker: Asker) -> None:
        """Raises `BadRequest` if the frame's id was that of another one, done here."""
        self._memory.done_before(asker)

    async def run(self, creation: Creation, asker: Asker, stream_id: str | None) -> None:
        """Run a prompt, and the successors that steers make of it, to the end."""
        connection = self._connection
        await services.check_login(connection.engine, connection.identity)
        if (done := self._memory.done_before(asker)) is not None:
            self._answer_again(done, stream_id)
            return
        await services.must_be_new(connection.engine, asker)
        successor: Prompt | None = await self._prompt(creation, asker)
        assert successor is not None and successor.response_id is not None
        self._memory.done(asker, Answered(successor.response_id))
        while successor is not None:
            successor = await self._run_one(successor, stream_id)

    async def _prompt(self, creation: Creation, asker: Asker) -> Prompt:
        model = await services.choose_model(self._connection.engine, creation.model)
        items = self._without_references(creation)
        parent_id = creation.previous_response_id
        context = await self._context(parent_id) if parent_id else []
        try:
            check_calls(list(unanswered_calls(context)), items)
        except BadRequest:
            self._memory.evict(parent_id or "")
            raise
        return prompt.of_creation(
            creation,
            items=[*self._memory.take_held_items(parent_id or ""), *items],
            user_id=asker.identity.user_id,
            username=asker.identity.username,
            model=model,
            parent_id=parent_id,
            context=context,
            event_ids=[asker.event_id] if asker.event_id else [],
            response_id=ids.response_id(),
        )

    def _answer_again(self, done: Answered, stream_id: str | None) -> None:
        """Of what is kept nowhere, the last event is all that there is to show."""
        frame = self._memory.last_event(done.response_id)
        if frame is None:
            raise NotFound("response_not_found", "The answer to this prompt is forgotten.")
        stream = Stream(done.response_id, None, stream_id=stream_id)
        self._connection.outbox.say(stream.stamp(frame))

    # --- control

    def response_of(self, event_id: str) -> str | None:
        """The response that a prompt became here, by the prompt's `event_id`."""
        return self._memory.response_of(event_id)

    def cancel(self, response_id: str, event_id: str | None) -> bool:
        """True: the response is one of this connection's memory, and is stopped."""
        run = self._run
        if run is None or response_id not in self._meant:
            return False
        clock = self._connection.engine.dispatcher.clock
        run.cancel({"asked_by": self._connection.identity.username, "asked_at": clock()})
        run.cancels.append(event_id)
        return True

    def steer(self, steer: Steer, asker: Asker) -> Accepted | None:
        """The steer that a running response took up. None: it is none of this memory."""
        done = self._memory.done_before(asker)
        if done is not None and done.steer_id is not None:
            return Accepted(done.steer_id, done.response_id, "")
        run, response_id = self._run, steer.previous_response_id
        if run is None or response_id not in self._meant:
            return None
        if len(run.steers) >= MAX_PENDING_STEERS:
            raise BadSteer(
                "too_many_pending_steers",
                "Too many steers wait already.",
                response_id,
                steer.given,
            )
        steer_id = ids.steer_id()
        taken = run.steer(
            {
                "steer_id": steer_id,
                "event_id": asker.event_id,
                "items": steer.items,
                "given": steer.given,
            }
        )
        if not taken:
            raise BadSteer(
                "response_not_active",
                "The response has ended: send a prompt.",
                response_id,
                steer.given,
            )
        self._memory.done(asker, Answered(run.response_id, steer_id))
        return Accepted(steer_id, run.response_id, "")

    def interrupt(self) -> None:
        """The connection's time is over."""
        if self._run is not None:
            self._run.interrupt()

    # --- one response

    async def _run_one(self, asked: Prompt, stream_id: str | None) -> Prompt | None:
        """Run one response. Returns the prompt of its successor, if it was steered."""
        engine, outbox = self._connection.engine, self._connection.outbox
        info = prompt.describe(asked, engine.dispatcher.clock(), store=False)
        stream = outbox.open(Stream(info.id, None, stream_id=stream_id, own=True))
        self._connection.names.give(info.id, stream_id)

        async def show(batch: Batch) -> None:
            self._memory.shown(info.id, batch.frames[-1])
            await outbox.show(stream, batch.first_number, batch.frames)

        def switched(switch: Switch) -> None:
            number = outbox.last_sent(info.id)
            self._connection.say_ours("provider_switched", number, response_id=info.id, **switch)

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
            on_switch=switched,
        )
        self._run = run
        self._meant.add(info.id)
        try:
            opening = prompt.opening_events(asked, info, runs=True)
            ending, output = await engine.dispatcher.host(run, opening)
        finally:
            self._run = None
            outbox.close(info.id)
        if ending.reason != lifecycle.STEERED:
            self._meant.clear()
        context = [*asked.context, *asked.items, *output]
        if ending.status == lifecycle.FAILED:
            self._memory.evict(asked.parent_id or "")
        else:
            self._memory.keep(info.id, context)
        self._say_receipts(run, ending.status)
        return self._successor(run, asked, ending, context)

    def _successor(
        self, run: EphemeralRun, asked: Prompt, ending: Ending, context: list[Item]
    ) -> Prompt | None:
        if not run.steers:
            return None
        if ending.reason != lifecycle.STEERED and ending.status != lifecycle.COMPLETED:
            self._memory.give_back(run.response_id, run.steers)
            return None
        calls = unanswered_calls(context)
        if calls:
            self._memory.hold(run.response_id, run.steers, list(calls.values()))
            return None
        return Prompt(
            user_id=asked.user_id,
            username=asked.username,
            items=items_of(run.steers),
            request=asked.request,
            metadata=asked.metadata,
            model=asked.model,
            parent_id=run.response_id,
            context=context,
            event_ids=[event_id for steer in run.steers if (event_id := steer["event_id"])],
            response_id=ids.response_id(),
        )

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
        remembered = self._memory.context(parent_id)
        if remembered is not None:
            return remembered
        engine, identity = self._connection.engine, self._connection.identity
        standing = await finding.standing(engine.pool, identity, response_id=parent_id)
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
