"""What is read back, and what reading costs: titles, folded logs, snapshots."""

import tracemalloc

import pytest

from chat.database import make_pool
from chat.engine.prompt import title_of
from chat.protocol.items import user_message


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
