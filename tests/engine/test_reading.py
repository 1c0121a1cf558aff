"""What is read back, and what reading costs: titles, folded logs, snapshots."""

import random
import tracemalloc

import pytest

from chat.database import make_pool
from chat.engine import log
from chat.engine.prompt import title_of
from chat.engine.retention import FOLDED_BYTES, tidy
from chat.protocol.events import encode_json
from chat.protocol.items import user_message
from chat.queries import branch_items
from chat.snapshot import snapshot
from tests.engine.viewer import Viewer
from tests.upstream_script import whole


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n  Two\n words \n", "Two words"),
        (" " * 5_000 + "far", "far"),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 500, "word " * 15 + "word…"),
    ],
)
def test_a_title_is_the_beginning_of_what_was_asked(text: str, title: str):
    assert title_of([user_message(text)]) == title


def test_the_title_of_a_large_prompt_does_not_take_it_apart():
    message = user_message("a " * 1_000_000)
    tracemalloc.start()
    try:
        assert title_of([message]).startswith("a a ")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


async def test_a_database_that_vanished_is_noticed_in_seconds(database):
    """What TCP has to be told; that it then notices takes a network that can be cut."""
    async with make_pool() as pool, pool.connection() as connection:
        told = {name: int(value) for name, value in connection.info.get_parameters().items()
                if name.startswith(("keepalives", "tcp"))}  # fmt: skip
    # Of an answer that does not come, as of a statement that is not acknowledged.
    silent = told["keepalives_idle"] + told["keepalives_interval"] * told["keepalives_count"]
    assert silent <= 12
    assert told["tcp_user_timeout"] <= 12_000


# --- the log, folded


EVENTS = 3_000
PAD = "x" * 1_000


async def long_log(engine, upstream, identity, events_a_row: int) -> str:
    """An ended response whose log holds 3 MB, as if it had been long. Returns its id."""
    upstream.script = whole("short")
    viewer = await Viewer(engine, identity).connect()
    viewer.send("response.create", input="hello")
    await viewer.until(lambda: viewer.endings)
    await viewer.drop()
    (response_id,) = viewer.endings
    async with engine.pool.connection() as connection, connection.transaction():
        await connection.execute("DELETE FROM log WHERE response_id = %s", (response_id,))
        await connection.execute(
            """
            INSERT INTO log (response_id, first_number, last_number, events)
            SELECT %(id)s, min(number), max(number),
                   string_agg(number || ' ' || %(pad)s, E'\\n' ORDER BY number)
              FROM generate_series(0, %(events)s - 1) AS number GROUP BY number / %(a_row)s
            """,
            {"id": response_id, "pad": PAD, "events": EVENTS, "a_row": events_a_row},
        )
        await connection.execute(
            "UPDATE chat_response SET ended_at = now() - interval '1 minute' WHERE id = %s",
            (response_id,),
        )
    return response_id


async def rows_of(engine, response_id: str) -> list[tuple[int, int, int]]:
    """First number, last number and bytes of each row of a log."""
    async with engine.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT first_number, last_number, octet_length(events) FROM log"
            " WHERE response_id = %s ORDER BY first_number",
            (response_id,),
        )
        return await cursor.fetchall()


async def fold_all(engine) -> None:
    while await tidy(engine.pool, retention_seconds=3_600):
        pass


@pytest.mark.parametrize("events_a_row", [1, 7, 200])
async def test_a_long_log_is_folded_into_rows_of_a_bounded_size(
    engine, upstream, identity, events_a_row
):
    response_id = await long_log(engine, upstream, identity, events_a_row)
    before = await rows_of(engine, response_id)
    await fold_all(engine)
    rows = await rows_of(engine, response_id)
    largest = max(size for *_, size in before)
    assert (
        sum(size for *_, size in rows) / FOLDED_BYTES <= len(rows) <= 3_100_000 / FOLDED_BYTES + 1
    )
    assert all(size <= FOLDED_BYTES + largest for *_, size in rows)
    numbers = [number for first, last, _ in rows for number in range(first, last + 1)]
    assert numbers == list(range(EVENTS))
    await fold_all(engine)
    assert await rows_of(engine, response_id) == rows


@pytest.mark.parametrize("is_folded", [False, True])
async def test_reading_a_long_log_bit_by_bit_reads_no_row_in_vain(
    engine, upstream, identity, is_folded
):
    response_id = await long_log(engine, upstream, identity, 7)
    if is_folded:
        await fold_all(engine)
    wanted, seen, read_bytes = 0, [], 0
    while wanted < EVENTS:
        runs = await log.read(engine.pool, response_id, wanted)
        assert runs[0][0] == wanted
        size = sum(len(frame) for _, frames in runs for frame in frames)
        # However much there is, a read takes what a window or two can use, or one row.
        assert size <= log.MAX_READ_BYTES + FOLDED_BYTES
        read_bytes += size
        # A window of 64 KiB.
        frames = [frame for _, each in runs for frame in each][:64]
        seen += frames
        wanted += len(frames)
    assert seen == [f"{number} {PAD}" for number in range(EVENTS)]
    assert read_bytes < 5 * EVENTS * len(PAD)


# --- snapshots


def call_output(text: str) -> dict:
    return {"type": "function_call_output", "call_id": "c", "output": text}


def called(arguments: str) -> dict:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}


def said(role: str, *parts: dict) -> dict:
    return {"type": "message", "role": role, "content": list(parts)}


def image(size: int) -> dict:
    return {"type": "input_image", "image_url": "data:," + random.Random(1).randbytes(size).hex()}


LONG = "word " * 200_000
LARGE = {
    "a message": (
        said("user", {"type": "input_text", "text": LONG}),
        lambda text: {"content": [{"type": "input_text", "text": text}]},
    ),
    "an answer": (
        said("assistant", {"type": "output_text", "text": LONG}),
        lambda text: {
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
        },
    ),
    "an image": (
        said("user", {"type": "input_text", "text": "Look."}, image(300_000)),
        lambda _: {"content": [{"type": "input_text", "text": "Look.\n[image]"}]},
    ),
    "an image that is easily compressed": (
        said("user", {"type": "input_image", "image_url": "data:," + "A" * 1_000_000}),
        lambda _: {"content": [{"type": "input_text", "text": "[image]"}]},
    ),
    "an output": (call_output(LONG), lambda text: {"call_id": "c", "output": text}),
    "arguments": (
        called(LONG),
        lambda text: {"call_id": "c", "name": "f", "arguments": text},
    ),
    "reasoning": (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": LONG}]},
        lambda text: {"summary": [{"type": "summary_text", "text": text}]},
    ),
}


@pytest.mark.parametrize(("given", "shown"), LARGE.values(), ids=LARGE.keys())
async def test_a_snapshot_shows_the_beginning_of_a_large_input_and_says_so(
    engine, upstream, identity, given, shown
):
    upstream.script = whole("Yes.")
    viewer = await Viewer(engine, identity).connect()
    small = said("user", {"type": "input_text", "text": "And?"})
    context = [called("{}")] if given["type"].endswith("_output") else []
    answers = [call_output("done")] if given["type"] == "function_call" else []
    viewer.send("response.create", input=[*context, given, *answers, small])
    await viewer.until(lambda: viewer.endings)
    await viewer.drop()
    (ended,) = viewer.endings.values()
    found = await snapshot(engine.pool, identity.user_id, ended["conversation"]["id"])
    assert found is not None
    cut = [item for item in found["items"] if "interject" in item]
    (item,) = cut
    assert item.pop("interject")["cut"] is True
    kept = {"type", "id", "status", "response_id", "direction", "role"}
    body = {name: value for name, value in item.items() if name not in kept}
    assert body == shown(LONG[: 16 * 1024])
    assert (item["type"], item.get("role")) == (given["type"], given.get("role"))
    assert [each["content"][0]["text"] for each in found["items"][-2:]] == ["And?", "Yes."]
    # What a model is told is whole.
    assert len(encode_json(await branch_items(engine.pool, ended["id"]))) > 500_000


async def test_a_conversation_of_large_prompts_has_a_small_snapshot(engine, upstream, identity):
    upstream.script = whole("Yes.")
    viewer = await Viewer(engine, identity).connect()
    prompt = said("user", {"type": "input_text", "text": "long " * 400_000})
    viewer.send("response.create", input=[prompt, prompt])
    await viewer.until(lambda: viewer.endings)
    await viewer.drop()
    (ended,) = viewer.endings.values()
    found = await snapshot(engine.pool, identity.user_id, ended["conversation"]["id"])
    assert found is not None
    assert len(encode_json(found)) < 64 * 1024
    assert found["items"][0]["interject"] == {"cut": True, "text_chars": 2_000_000}
