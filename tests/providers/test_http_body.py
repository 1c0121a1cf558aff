"""Where a body ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.providers.http_body import BadFraming, Chunked, Counted, UntilClosed, framing_of

CHUNKED = b"5\r\nhello\r\n1;name=value\r\n,\r\n0006 \r\n world\r\n"
LAST = b"0\r\n\r\n"


def body(data: bytes, cuts: list[int]) -> tuple[bytes, Chunked]:
    chunked = Chunked()
    edges = [0, *sorted(cuts), len(data)]
    pieces = [chunked.feed(data[a:b]) for a, b in pairwise(edges)]
    return b"".join(pieces), chunked


def test_chunks_are_joined_wherever_they_are_cut():
    data = CHUNKED + LAST
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            joined, chunked = body(data, [first, second])
            assert joined == b"hello, world"
            assert (chunked.ended, chunked.excess) == (True, False)


def test_one_read_with_many_chunks_is_one_piece():
    assert Chunked().feed(CHUNKED) == b"hello, world"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.lists(st.integers(0, 700)))
def test_whatever_is_in_the_chunks_comes_out(chunks, cuts):
    data = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + LAST
    joined, chunked = body(data, [min(cut, len(data)) for cut in cuts])
    assert joined == b"".join(chunks)
    assert chunked.ended


def test_trailers_belong_to_the_body():
    joined, chunked = body(CHUNKED + b"0\r\nx-checksum: 1\r\ny: 2\r\n\r\n", [60])
    assert joined == b"hello, world"
    assert (chunked.ended, chunked.excess) == (True, False)


def test_a_body_without_its_last_chunk_is_not_complete():
    for length in range(len(CHUNKED + LAST)):
        _, chunked = body((CHUNKED + LAST)[:length], [])
        assert not chunked.end_of_input()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+5\r\n",
        b"0x5\r\n",
        b"1_0\r\n",
        b"5\r\nhello!\r\n",
        b"ffffffffffffffffffff\r\n",
        b"5;" + b"x" * 20_000,
        b"0\r\n" + b"a: b\r\n" * 200,
        b"<html>\r\n",
    ],
)
def test_what_is_no_chunk_is_refused(data):
    with pytest.raises(BadFraming):
        body(data, list(range(0, len(data), 7)))


def test_more_than_the_body_is_noticed():
    _, chunked = body(CHUNKED + LAST + b"HTTP/1.1 200 OK", [])
    assert (chunked.ended, chunked.excess) == (True, True)
    counted = Counted(5)
    assert counted.feed(b"hello, world") == b"hello"
    assert (counted.ended, counted.excess) == (True, True)


def test_a_counted_body_ends_with_its_last_byte():
    counted = Counted(5)
    assert (counted.feed(b"hel"), counted.ended, counted.end_of_input()) == (b"hel", False, False)
    assert (counted.feed(b"lo"), counted.ended, counted.excess) == (b"lo", True, False)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (200, {"transfer-encoding": "chunked", "content-length": "5"}, Chunked),
        (200, {"content-length": "5"}, Counted),
        (200, {}, UntilClosed),
        (204, {}, Counted),
        (304, {"content-length": "5"}, Counted),
    ],
)
def test_the_head_says_how_the_body_is_framed(status, headers, kind):
    assert type(framing_of(status, headers)) is kind


def test_a_body_that_cannot_be_is_over_at_once():
    assert framing_of(204, {}).ended
    assert Counted(0).ended
