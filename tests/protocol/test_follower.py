"""One viewer's place in a response, and the window of all of them."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.protocol.follower import Follower, Window


@st.composite
def schedules(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]], int]:
    """A log of so many events, in batches that come in any order, doubled, or not at all."""
    count = draw(st.integers(0, 30))
    cuts = sorted(draw(st.sets(st.integers(1, max(count - 1, 1)), max_size=8)))
    edges = [0, *[cut for cut in cuts if cut < count], count]
    batches = [(a, b) for a, b in pairwise(edges) if a < b]
    coming = draw(st.lists(st.sampled_from(batches), max_size=20)) if batches else []
    return count, coming, draw(st.integers(0, count))


@given(schedules(), st.data())
def test_every_event_is_sent_once_and_in_order_whatever_comes(
    schedule: tuple[int, list[tuple[int, int]], int], data: st.DataObject
):
    count, coming, start = schedule
    log = [f"event {number}" for number in range(count)]
    follower, sent = Follower(start), []

    def send(frames: Any) -> None:
        sent.extend(frames)
        follower.sent(len(frames))

    for first, end in coming:
        before = follower.next_number
        fresh = follower.offer(first, log[first:end])
        assert list(fresh) == (log[before:end] if first <= before else [])
        send(fresh)
        if follower.behind and data.draw(st.booleans()):
            # From the log, as far as it pleases.
            until = data.draw(st.integers(follower.next_number, follower.known + 1))
            send(follower.offer(follower.next_number, log[follower.next_number : until]))
    follower.heard_of(count - 1)
    while follower.behind:
        send(follower.offer(follower.next_number, log[follower.next_number : follower.known + 1]))
    assert sent == log[start:]


def test_a_gap_is_noticed_and_nothing_is_sent_across_it():
    follower = Follower()
    assert list(follower.offer(2, ["c", "d"])) == []
    assert (follower.behind, follower.known, follower.next_number) == (True, 3, 0)


def test_what_is_known_is_dropped():
    follower = Follower(3)
    assert list(follower.offer(0, ["a", "b", "c"])) == []
    assert not follower.behind
    assert list(follower.offer(1, ["b", "c", "d"])) == ["d"]


class TestWindow:
    LIMITS = {"max_bytes": 100, "max_events": 4}

    def test_it_is_open_for_who_never_acknowledges(self):
        window = Window(**self.LIMITS)
        for number in range(10):
            window.sent("r", number, 100)
            assert window.is_open

    def test_of_who_never_acknowledges_the_latest_only_are_remembered(self):
        window = Window(**self.LIMITS)
        for number in range(10):
            window.sent("one", number, 1)
            window.sent("two", number, 1)
        assert sum(len(each) for each in window._unacknowledged.values()) == 4

    def test_the_first_ack_of_many_events_leaves_the_latest_in_the_window(self):
        window = Window(**self.LIMITS)
        for number in range(10):
            window.sent("r", number, 1)
        window.acknowledging = True
        window.acknowledge("r", 5)
        assert not window.is_open
        window.acknowledge("r", 6)
        assert window.is_open

    def test_it_closes_at_so_many_events_and_opens_with_an_ack(self):
        window = Window(**self.LIMITS)
        window.acknowledging = True
        for number in range(4):
            assert window.is_open
            window.sent("r", number, 1)
        assert not window.is_open
        window.acknowledge("r", 0)
        assert window.is_open

    def test_it_closes_at_so_many_bytes(self):
        window = Window(**self.LIMITS)
        window.acknowledging = True
        window.sent("r", 0, 99)
        assert window.is_open
        window.sent("r", 1, 1)
        assert not window.is_open

    def test_old_and_unknown_acks_change_nothing(self):
        window = Window(**self.LIMITS)
        window.acknowledging = True
        for number in range(4):
            window.sent("r", number + 5, 1)
        window.acknowledge("other", 9)
        window.acknowledge("r", 4)
        assert not window.is_open

    @given(st.data())
    def test_it_counts_as_a_plain_list_does(self, data: st.DataObject):
        window, unacknowledged = Window(**self.LIMITS), []
        window.acknowledging = True
        numbers = {"one": 0, "two": 0}
        for _ in range(data.draw(st.integers(0, 40))):
            response = data.draw(st.sampled_from(["one", "two"]))
            step = data.draw(st.sampled_from(["send", "ack", "release"]))
            if step == "send":
                size = data.draw(st.integers(1, 60))
                window.sent(response, numbers[response], size)
                unacknowledged.append((response, numbers[response], size))
                numbers[response] += 1
            elif step == "ack":
                upto = data.draw(st.integers(-1, 40))
                window.acknowledge(response, upto)
                unacknowledged = [
                    each for each in unacknowledged if each[0] != response or each[1] > upto
                ]
            else:
                window.release(response)
                unacknowledged = [each for each in unacknowledged if each[0] != response]
            size = sum(each[2] for each in unacknowledged)
            assert window.is_open == (size < 100 and len(unacknowledged) < 4)
