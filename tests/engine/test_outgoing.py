"""What waits to go to other processes goes together, in its order, and never without bounds."""

from chat.engine import outgoing
from chat.engine.notices import Ended, Started
from chat.engine.outgoing import MAX_NOTICES, Outgoing
from chat.protocol import batch as batches
from chat.protocol.batch import Batch


def batch(number: int, text: str = "{}", response_id: str = "resp_1") -> Batch:
    return Batch(response_id, "conv_1", 1, number, number, text)


def ended(number: int) -> Ended:
    return Ended("conv_1", f"resp_{number}", "completed")


def kept(letter: dict) -> list[Batch]:
    return batches.unpack(letter["kept"])


def test_what_waits_for_one_process_goes_in_one_letter_in_its_order():
    waiting = Outgoing()
    waiting.keep("web 1", [batch(0), batch(1)])
    waiting.keep("web 2", [batch(0)])
    waiting.keep("web 1", [batch(2)])
    waiting.ask("web 1", ["conv_2", "conv_3"])
    waiting.ask("web 1", ["conv_3"])
    letters, told = waiting.take()
    assert kept(letters["web 1"]) == [batch(0), batch(1), batch(2)]
    assert letters["web 1"]["asked"] == ["conv_2", "conv_3"]
    assert kept(letters["web 2"]) == [batch(0)]
    assert not told


def test_notices_of_a_crowd_go_together_in_their_order():
    waiting = Outgoing()
    said = [Started("conv_1", "resp_1", [], []), ended(1), ended(2)]
    for notice in said:
        waiting.tell(notice)
    letters, told = waiting.take()
    assert not letters
    assert list(told) == said


def test_what_was_taken_waits_no_more():
    waiting = Outgoing()
    waiting.keep("web 1", [batch(0)])
    waiting.ask("web 1", ["conv_1"])
    waiting.tell(ended(1))
    assert waiting
    waiting.take()
    assert not waiting
    assert waiting.take() == ({}, ())


def test_a_greeting_is_a_letter_with_nothing_in_it():
    waiting = Outgoing()
    waiting.ask("web 1")
    assert waiting
    letters, _ = waiting.take()
    assert kept(letters["web 1"]) == letters["web 1"]["asked"] == []


def test_what_does_not_fit_pushes_out_what_has_waited_longest(monkeypatch):
    monkeypatch.setattr(outgoing, "MAX_CHARS", 100)
    waiting = Outgoing()
    waiting.keep("web 1", [batch(number, "x" * 40) for number in range(5)])
    waiting.keep("web 2", [batch(9, "y" * 40)])
    letters, _ = waiting.take()
    assert kept(letters["web 1"]) == [batch(4, "x" * 40)]
    assert kept(letters["web 2"]) == [batch(9, "y" * 40)]


def test_one_batch_goes_out_however_long_it_is(monkeypatch):
    monkeypatch.setattr(outgoing, "MAX_CHARS", 100)
    waiting = Outgoing()
    waiting.keep("web 1", [batch(0, "x" * 1_000)])
    assert kept(waiting.take().letters["web 1"]) == [batch(0, "x" * 1_000)]


def test_the_oldest_notices_make_room_for_the_newest():
    waiting = Outgoing()
    for number in range(MAX_NOTICES + 2):
        waiting.tell(ended(number))
    told = waiting.take().notices
    assert (told[0], told[-1]) == (ended(2), ended(MAX_NOTICES + 1))
