"""What follows a response: its end is written, its steers make a successor, the next prompt starts.

The predecessor's end, the use of the steers and the successor's beginning are one transaction: a
steer is applied exactly once, or given back.
"""

import asyncio
import logging
from contextlib import nullcontext
from typing import NamedTuple

from chat import queries
from chat.database import UNREACHABLE, Connection, Pool
from chat.engine import finishing, intents, log, queue, starting
from chat.engine.bus import Bus
from chat.engine.dispatcher import Dispatcher
from chat.engine.intents import Intent
from chat.engine.notices import Ended, QueueChanged
from chat.engine.prompt import Prompt
from chat.engine.pulse import REFUSED
from chat.engine.run import Run
from chat.engine.steering import Steering, successor_prompt, with_held_steers
from chat.protocol import lifecycle
from chat.protocol.errors import Unavailable
from chat.protocol.events import Ending
from chat.protocol.items import unanswered_calls

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.25
STRANDED_SECONDS = 1.0


class Begun(NamedTuple):
    """What `Dispatcher.launch` wants of a response that was begun in a transaction."""

    asked: Prompt
    opening: starting.Opening
    opened: starting.Opened


class _SuccessorLost(Exception):
    """The steers were taken by somebody else meanwhile, or the conversation is gone."""


class Succession:
    def __init__(self, pool: Pool, dispatcher: Dispatcher, bus: Bus) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._bus = bus
        self._steering = Steering(pool, dispatcher, bus)
        self._task: asyncio.Task[None] | None = None
        dispatcher.conclude = self.conclude
        dispatcher.leftovers = self.leftovers

    def start(self) -> None:
        self._task = asyncio.create_task(self._help_the_stranded(), name="succession")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- the end of a run

    async def conclude(self, run: Run, ending: Ending) -> None:
        """Keep the run's end, then show it, then start what follows."""
        written = await self._write(run, ending)
        if written is None:
            return
        self._bus.show([written.closing.last_batch])
        status = written.closing.ending.status
        self._bus.tell(Ended(run.conversation_id, run.response_id, status))
        if written.begun is not None:
            self._dispatcher.launch(*written.begun)
            return
        if run.steers:
            await self._steering.settle(run.response_id, run.conversation_id, run.steers)
        if written.prompts_wait:
            await self.next_waiting(run.conversation_id)

    async def leftovers(self, response_id: str, intents_left: list[Intent]) -> None:
        """Intents that came too late for their response. Queued prompts waited for what they do."""
        await self._steering.leftovers(response_id, intents_left)
        conversation_id = intents_left[0].conversation_id
        if conversation_id is not None:
            await self.next_waiting(conversation_id)

    async def _write(self, run: Run, ending: Ending) -> "_Written | None":
        """Write the end until it is written. None: it is not ours to write any more."""
        begun: Begun | None = None
        doubtful = alone = False
        while True:
            # Where nothing may succeed it: one statement, and so one round trip.
            by_itself = alone or not self._may_succeed(run, ending)
            try:
                async with (
                    self._dispatcher.ending,
                    self._pool.connection() as connection,
                    nullcontext() if by_itself else connection.transaction(),
                ):
                    tried = await self._try_to_write(connection, run, ending, alone=by_itself)
                    begun = tried.begun or begun
            except (*REFUSED, TypeError, ValueError):
                logger.exception("The end of %s cannot be kept", run.response_id)
                if not run.answer.coalescer.output:
                    raise
                ending = self._without_output(run, ending)
                continue
            except UNREACHABLE as error:
                logger.warning("Postgres is away, an end waits: %s", error)
                # The statement held the lease while it waited, perhaps for a lock: nobody renewed.
                self._dispatcher.renew_now()
                doubtful = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except _SuccessorLost:
                alone = True
                continue
            if tried.done:
                return tried
            if doubtful and await self._was_written(tried.closing):
                # By a try whose answer was lost, and so was what it began.
                return tried._replace(begun=begun)
            logger.warning("%s was ended by somebody else", run.response_id)
            return None

    async def _try_to_write(
        self, connection: Connection, run: Run, ending: Ending, *, alone: bool
    ) -> "_Written":
        successor = None if alone else await self._successor(connection, run)
        closing = self._closing(run, ending, successor)
        prompts_wait = await finishing.finish(connection, closing)
        if prompts_wait is None:
            return _Written(closing, False, None, True)
        begun = await self._begin(connection, successor)
        return _Written(closing, True, begun, prompts_wait)

    def _may_succeed(self, run: Run, ending: Ending) -> bool:
        """Whether the run's steers may make a successor."""
        applies = ending.reason == lifecycle.STEERED or ending.status == lifecycle.COMPLETED
        return bool(run.steers) and applies and not unanswered_calls(run.answer.coalescer.output)

    async def _successor(self, connection: Connection, run: Run) -> Prompt | None:
        """The prompt that the run's steers make. No steer is added behind this."""
        steers = await intents.all_steers(connection, run.response_id)
        return successor_prompt(run.info, steers) if steers else None

    async def _begin(self, connection: Connection, successor: Prompt | None) -> Begun | None:
        if successor is None:
            return None
        opening = self._dispatcher.opening(successor)
        opened = await starting.start(connection, opening)
        if opened is None:
            raise _SuccessorLost
        return Begun(successor, opening, opened)

    def _closing(self, run: Run, ending: Ending, successor: Prompt | None) -> finishing.Closing:
        response = run.final_object(ending)
        answer = run.answer
        receipt = None
        if run.receipt is not None:
            receipt = {
                **run.receipt,
                "upstream_closed_at": answer.upstream_closed_at if answer.upstream_opened else None,
            }
        return finishing.Closing(
            response_id=run.response_id,
            owner=self._dispatcher.owner,
            attempt=run.attempt,
            last_batch=run.last_batch(response),
            ending=ending,
            items=answer.coalescer.output,
            usage=run.usage(),
            first_delta_at=answer.first_delta_at,
            receipt=receipt,
            successor_id=successor.response_id if successor else None,
            provider=answer.answering.provider,
            switches=answer.answering.switches,
            cache=answer.answering.cache,
        )

    def _without_output(self, run: Run, ending: Ending) -> Ending:
        run.disown_output()
        error = {"code": "server_error", "message": "The answer could not be kept."}
        return Ending(status=lifecycle.FAILED, error=error, ended_at=ending.ended_at)

    async def _was_written(self, closing: finishing.Closing) -> bool:
        """Whether an earlier try got through, and only its answer was lost."""
        found = (await log.standing(self._pool, [closing.response_id]))[closing.response_id]
        return found.owner is None and found.last_number == closing.last_batch.last_number

    # --- the queue

    async def next_waiting(self, conversation_id: str) -> None:
        """Start the prompt whose turn it is, if there is one and nothing runs."""
        waiting = await queue.first(self._pool, conversation_id)
        if waiting is None or waiting.parent_live:
            return
        asked = Prompt(
            **waiting.request["prompt"],
            user_id=waiting.user_id,
            username=waiting.username,
            conversation_id=conversation_id,
            parent_id=waiting.parent_id,
            shown_parent=True,
            waiting_id=waiting.id,
            event_ids=[waiting.event_id],
            connection_ids=[waiting.connection_id],
        )
        asked = await with_held_steers(self._pool, asked)
        try:
            info = await self._dispatcher.dispatch(asked)
        except Unavailable:
            return  # It waits for the next process.
        if info is not None:
            await self.announce_queue(conversation_id, waiting.event_id, "started", info.id)

    async def announce_queue(
        self, conversation_id: str, left: str | None, reason: str | None, response_id: str | None
    ) -> None:
        """Tell the followers who waits now, and who left."""
        waiting = await queries.queue(self._pool, conversation_id)
        self._bus.tell(QueueChanged(conversation_id, waiting, left, reason, response_id))

    async def _help_the_stranded(self) -> None:
        """Prompts whose predecessor's process died, or that were queued as it ended."""
        while True:
            await asyncio.sleep(STRANDED_SECONDS)
            try:
                for conversation_id in await queue.stranded(self._pool):
                    await self._try_next_waiting(conversation_id)
            except UNREACHABLE as error:
                logger.warning("Postgres is away, queues wait: %s", error)
            except Exception:
                logger.exception("Queues could not be looked at")

    async def _try_next_waiting(self, conversation_id: str) -> None:
        try:
            await self.next_waiting(conversation_id)
        except UNREACHABLE:
            raise
        except Exception:  # It must not hold up the queues of others.
            logger.exception("A prompt that waits in %s could not be started", conversation_id)


class _Written(NamedTuple):
    """`done`: by this very try. `prompts_wait`: in the conversation, as far as is known.

    One that comes later looks for itself whether it may start.
    """

    closing: finishing.Closing
    done: bool
    begun: Begun | None
    prompts_wait: bool
