"""What a proxy of Redis tells apart, and what it does to it."""

import pytest

from tests.faults.resp import Deliveries, Mischief, is_delivery, value_end

NEVER = {"lost": 0.0, "doubled": 0.0, "overtaken": 0.0}
OTHERS = [
    b"+PONG\r\n", b":1\r\n", b"$-1\r\n", b"$2\r\n\r\n\r\n", b"*0\r\n", b"*-1\r\n", b"_\r\n",
    b"%1\r\n+a\r\n*1\r\n:1\r\n", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
]  # fmt: skip


def delivery(text: bytes, kind: bytes = b">") -> bytes:
    return kind + b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$%d\r\n%b\r\n" % (len(text), text)


@pytest.mark.parametrize("value", [*OTHERS, delivery(b"one"), delivery(b"\r\n", b"*")])
def test_a_value_ends_where_it_ends_and_not_before(value: bytes):
    assert value_end(value + b"+more\r\n") == len(value)
    assert [value_end(value[:end]) for end in range(1, len(value))] == [None] * (len(value) - 1)


def test_deliveries_are_told_from_answers():
    assert not any(is_delivery(value) for value in OTHERS)
    assert is_delivery(delivery(b"one"))
    assert is_delivery(delivery(b"one", b"*"))


def test_what_nobody_meddles_with_passes_in_whatever_pieces_it_comes():
    said = b"".join([*OTHERS, delivery(b"one"), delivery(b"two", b"*")])
    connection = Deliveries()
    assert b"".join(connection.passed(said[at : at + 1], None) for at in range(len(said))) == said


@pytest.mark.parametrize(
    ("what", "passed"), [("lost", []), ("doubled", [b"1", b"1", b"2", b"2"]), ("overtaken", [b"1"])]
)
def test_mischief_is_done_to_deliveries_only(what: str, passed: list[bytes]):
    mischief = Mischief(1, **{**NEVER, what: 1.0})
    said = [delivery(b"1"), *OTHERS, delivery(b"2")]
    found = Deliveries().passed(b"".join(said), mischief)
    without = b"".join(OTHERS)
    assert found.replace(without, b"") == b"".join(map(delivery, passed))
    assert without in found
    assert mischief.done == {**dict.fromkeys(NEVER, 0), what: 2}


def test_the_next_one_overtakes():
    connection, always = Deliveries(), Mischief(1, **{**NEVER, "overtaken": 1.0})
    assert connection.passed(delivery(b"1"), always) == b""
    assert connection.passed(delivery(b"2"), None) == delivery(b"2") + delivery(b"1")
