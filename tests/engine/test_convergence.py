"""Whatever is lost, doubled, reordered, dropped, cancelled or steered: all see one text.

There are two processes: one that runs what it takes, and one that leaves it to the other. Each
schedule is a conversation of its own, made from a seed: a prompt or two, and while the answer
streams, a viewer who drops, comes back to either process with cursors or without, cancels, steers,
acknowledges or does not, and a second one who joins somewhere. At the end, what each viewer's
frames say, what Postgres holds and what upstream sent must be the same text, in the page's own code
as well.
"""

import asyncio
import json
import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chat.access import Identity
from chat.engine.process import Engine
from tests.engine.faulty_layer import FaultyLayer
from tests.engine.viewer import Viewer
from tests.service import ROOT
from tests.upstream import Seen, Upstream
from tests.upstream_script import Every, Script, chunk, done, finish, usage

SCHEDULES = 1_000
PARTS = 4  # Each with engines of its own: one would take longer than a test may on a busy machine.
AT_ONCE = 40
SECONDS = 60
LOOK_SECONDS = 0.25

JOINED = """
SELECT response.id, response.status,
       coalesce((SELECT string_agg(text, '' ORDER BY position) FROM chat_item
                  WHERE response_id = response.id AND direction = 'output'), ''),
       (SELECT text FROM chat_item WHERE response_id = response.id AND direction = 'input'
         ORDER BY position DESC LIMIT 1),
       response.last_number
  FROM chat_response AS response WHERE conversation_id = %s ORDER BY created_at
"""

# Responses that run, wishes for them, and prompts that wait and could start.
BUSY = """
SELECT (SELECT count(*) FROM chat_response WHERE conversation_id = %s AND ended_at IS NULL),
       (SELECT count(*) FROM intent JOIN chat_response ON chat_response.id = response_id
         WHERE conversation_id = %s),
       (SELECT count(*) FROM chat_waitingprompt JOIN chat_conversation AS conversation
            ON conversation.id = conversation_id
         WHERE conversation.id = %s AND NOT queue_paused)
"""


def words_for(prompt: str) -> list[str]:
    """What upstream says to a prompt: a text that no other prompt gets, word by word."""
    said = random.Random(prompt)
    return [f"{said.choice('abcdefgh')}{number}é " for number in range(said.randint(5, 40))]


def answer(seen: Seen) -> Script:
    pace = random.Random(seen.prompt).choice([30, 60, 200, 100_000])
    pieces = Every(pace, [chunk(word) for word in words_for(seen.prompt)])
    return Script([pieces, finish(), usage(), done()])


class Schedule:
    """One conversation, from a seed."""

    def __init__(self, engines: list[Engine], identity: Identity, seed: int) -> None:
        self.engines = engines
        self.engine = engines[0]
        self.identity = identity
        self.seed = seed
        self.chance = random.Random(seed)
        self.viewers: list[Viewer] = []
        self.conversation_id = ""

    async def run(self) -> None:
        first = await self._viewer()
        first.acknowledges = self.chance.random() < 0.5
        first.send("response.create", model="test-model", input=f"prompt {self.seed}")
        created = await first.frame("response.created")
        self.conversation_id = created["response"]["conversation"]["id"]
        first.follow(self.conversation_id)
        for _ in range(self.chance.randint(1, 6)):
            await asyncio.sleep(self.chance.uniform(0, 0.06))
            await self._interfere(first)
        await self._everything_ends()
        rows = await self.rows()
        for viewer in self.viewers:
            await self._catches_up(viewer, rows)
        for viewer in self.viewers:
            await viewer.drop()

    async def _viewer(self) -> Viewer:
        viewer = await Viewer(self.chance.choice(self.engines), self.identity).connect()
        self.viewers.append(viewer)
        return viewer

    async def _interfere(self, first: Viewer) -> None:
        """Something that a person, or their network, does in mid-stream."""
        newest = list(first.numbers)[-1]
        match self.chance.choice(["drop", "drop", "cancel", "steer", "prompt", "join"]):
            case "drop":
                await first.drop()
                await asyncio.sleep(self.chance.uniform(0, 0.05))
                first.engine = self.chance.choice(self.engines)
                await first.connect()
                first.follow(self.conversation_id, resume=self.chance.random() < 0.7)
            case "cancel":
                first.send("interject:cancel", response_id=newest)
            case "steer":
                steer = f"steer {self.seed}.{self.chance.random()}"
                first.send("response.steer", previous_response_id=newest, input=steer)
            case "prompt":
                text = f"prompt {self.seed}.{self.chance.random()}"
                first.send("response.create", conversation=self.conversation_id, input=text)
            case "join":
                joined = await self._viewer()
                joined.acknowledges = self.chance.random() < 0.5
                joined.follow(self.conversation_id)

    async def rows(self) -> list[tuple[Any, ...]]:
        async with self.engine.pool.connection() as connection:
            cursor = await connection.execute(JOINED, (self.conversation_id,))
            return await cursor.fetchall()

    async def _everything_ends(self) -> None:
        """Until nothing runs, nothing is wanted, and nothing waits that could start."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        was_heard = False  # Before the question to the database was asked.
        while True:
            row = await self._busy() if self._seems_over() else None
            heard = row == (0, 0, 0) and self._is_heard()
            if heard and was_heard:
                return
            late = asyncio.get_running_loop().time() > deadline
            assert not late, f"seed {self.seed} goes on: {row}, {await self.rows()}"
            was_heard = heard
            await asyncio.sleep(LOOK_SECONDS)

    def _seems_over(self) -> bool:
        """Whether all that viewers know of has ended. Until then, asking Postgres is no use."""
        return all(viewer.numbers.keys() <= viewer.endings.keys() for viewer in self.viewers)

    async def _busy(self) -> tuple[Any, ...] | None:
        async with self.engine.pool.connection() as connection:
            cursor = await connection.execute(BUSY, [self.conversation_id] * 3)
            return await cursor.fetchone()

    def _is_heard(self) -> bool:
        return all(viewer.is_heard for viewer in self.viewers) and not self._starts()

    def _starts(self) -> bool:
        """Whether a response is being started, perhaps for a connection that is gone."""
        name = f"start in {self.conversation_id}"
        return any(task.get_name() == name for task in asyncio.all_tasks())

    async def _catches_up(self, viewer: Viewer, rows: list[tuple[Any, ...]]) -> None:
        for response_id, _, _, _, last_number in rows:
            await viewer.until(
                lambda id=response_id, last=last_number: viewer.numbers.get(id) == last,
                f"{response_id} up to {last_number} (seed {self.seed})",
            )


def check(schedule: Schedule, rows: list[tuple[Any, ...]]) -> None:
    for response_id, status, kept, asked, _ in rows:
        full = "".join(words_for(asked))
        if status == "completed":
            assert kept == full, f"seed {schedule.seed}, {response_id}, {asked}"
        else:
            assert full.startswith(kept), f"seed {schedule.seed}, {response_id}, {asked}"
        for viewer in schedule.viewers:
            assert viewer.text(response_id) == kept, f"seed {schedule.seed}"


def check_in_the_page(
    schedules: list[tuple[Schedule, list[tuple[Any, ...]]]], folder: Path
) -> None:
    """Every viewer's frames once more, through the code that runs in the browser."""
    file = folder / "seen.jsonl"
    with file.open("w") as lines:
        for schedule, rows in schedules:
            texts = {row[0]: row[2] for row in rows}
            for viewer in schedule.viewers:
                seen = {
                    "seed": schedule.seed,
                    "conversation": schedule.conversation_id,
                    "steps": viewer.steps,
                    "texts": texts,
                }
                lines.write(json.dumps(seen) + "\n")
    command = ["node", str(ROOT / "tests" / "js" / "converge.js"), str(file)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
    assert f"{sum(len(schedule.viewers) for schedule, _ in schedules)} viewers" in ran.stdout


@pytest.fixture
def layer() -> FaultyLayer:
    return FaultyLayer(seed=7, lost=0.05, doubled=0.05, late=0.1)


@pytest.fixture
async def web(engine: Engine, layer: FaultyLayer) -> AsyncIterator[Engine]:
    """A process that runs nothing itself."""
    running = Engine(layer=layer, catalogue=engine.catalogue, concurrency=0)
    await running.start()
    yield running
    await running.stop(grace_seconds=0)


@pytest.mark.parametrize("part", range(PARTS))
async def test_all_texts_converge(
    part: int,
    engine: Engine,
    web: Engine,
    upstream: Upstream,
    identity: Identity,
    tmp_path: Path,
):
    upstream.script = answer
    room = asyncio.Semaphore(AT_ONCE)

    async def run(seed: int) -> tuple[Schedule, list[tuple[Any, ...]]]:
        async with room:
            schedule = Schedule([engine, web], identity, seed)
            await schedule.run()
            rows = await schedule.rows()
            check(schedule, rows)
            return schedule, rows

    done = await asyncio.gather(*(run(seed) for seed in range(part, SCHEDULES, PARTS)))
    await upstream.quiet()
    assert {row[1] for _, rows in done for row in rows} >= {"completed", "cancelled", "incomplete"}
    await asyncio.to_thread(check_in_the_page, done, tmp_path)
