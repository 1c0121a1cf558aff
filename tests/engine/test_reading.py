"""What is read back, and what reading costs: titles, folded logs, snapshots."""

import tracemalloc

import pytest

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
