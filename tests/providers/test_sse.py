"""Events from bytes in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.providers.base import ProviderError
from chat.providers.sse import EventSplitter

SPELLINGS = {
    "LF": b"data: one\n\ndata: two\n\n",
    "CRLF": b"data: one\r\n\r\ndata: two\r\n\r\n",
    "no space": b"data:one\n\ndata:two\n\n",
    "other fields": b"event: x\nid: 7\nretry: 5\ndata: one\n\ndata: two\nevent: y\n\n",
    "comments": b": ping\n\ndata: one\n: in between\n\n:\n\n\n\ndata: two\n\n",
    "byte order mark": b"\xef\xbb\xbfdata: one\n\ndata: two\n\n",
    "no last blank line": b"data: one\n\ndata: two\n",
    "no last newline": b"data: one\n\ndata: two",
    "no last newline, CRLF": b"data: one\r\n\r\ndata: two\r",
}


def events(pieces: list[bytes], max_bytes: int = 1000) -> list[bytes]:
    splitter = EventSplitter(max_bytes)
    found = [event for piece in pieces for event in splitter.feed(piece)]
    return found + splitter.flush()


@pytest.mark.parametrize("data", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_gives_the_same_events_wherever_it_is_cut(data):
    assert events([data]) == [b"one", b"two"]
    assert events([data[at : at + 1] for at in range(len(data))]) == [b"one", b"two"]
    for first in range(len(data)):
        for second in range(first, len(data)):
            assert events([data[:first], data[first:second], data[second:]]) == [b"one", b"two"]


def test_several_data_lines_are_one_event():
    assert events([b"data: {\ndata:  1\ndata:\ndata: }\n\n"]) == [b"{\n 1\n\n}"]


def test_an_event_is_given_as_soon_as_its_blank_line_is_there():
    splitter = EventSplitter(1000)
    assert splitter.feed(b"data: one\n") == []
    assert splitter.feed(b"\ndata: two\n\ndata: thr") == [b"one", b"two"]
    assert splitter.feed(b"ee\n\n") == [b"three"]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_whatever_comes_the_cuts_do_not_matter(pieces):
    assert events(pieces, 10_000) == events([b"".join(pieces)], 10_000)


def test_lines_of_a_web_page_are_strays():
    splitter = EventSplitter(1000)
    assert splitter.feed(b"<html>\n<body>data: no\n\n") == []
    assert splitter.strays == 2


@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_a_line_over_the_limit_is_refused_before_it_ends(size):
    endless = b"data: " + b"x" * 5000
    with pytest.raises(ProviderError) as raised:
        events([endless[at : at + size] for at in range(0, len(endless), size)])
    assert raised.value.code == "upstream_protocol"
    assert "1,000 bytes" in raised.value.message


def test_an_event_of_many_lines_over_the_limit_is_refused():
    with pytest.raises(ProviderError):
        events([b"data: xxxxxxxxxxxxxxxx\n"] * 100)


def test_a_line_of_exactly_the_limit_is_read():
    assert events([b"data: " + b"x" * 994 + b"\n\n"]) == [b"x" * 994]
