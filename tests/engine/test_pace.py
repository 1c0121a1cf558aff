"""The pulse beats as it is told while there is time, and less often while there is none."""

from chat.engine.pace import BUSY, LONGEST_SECONDS, Pace

SHORTEST_SECONDS = 0.045


def after(beats: int, busy: float, pace: Pace | None = None) -> Pace:
    pace = pace or Pace(SHORTEST_SECONDS)
    for _ in range(beats):
        pace.learn(busy)
    return pace


def test_with_time_to_spare_it_beats_as_it_is_told():
    assert after(100, BUSY / 2).seconds == SHORTEST_SECONDS


def test_without_time_it_beats_less_often_but_never_rarely():
    assert SHORTEST_SECONDS < after(1, 1.0).seconds < 1.2 * SHORTEST_SECONDS
    assert after(100, 1.0).seconds == LONGEST_SECONDS


def test_it_beats_as_before_when_there_is_time_again():
    assert after(100, BUSY / 3, after(100, 1.0)).seconds == SHORTEST_SECONDS


def test_it_finds_the_interval_at_which_the_work_fits():
    pace = Pace(SHORTEST_SECONDS)
    for _ in range(200):
        pace.learn(0.05 / pace.seconds)  # Each beat takes 50 ms, whenever it comes.
    assert abs(0.05 / pace.seconds - BUSY) < 0.01


def test_a_process_that_others_keep_from_its_work_has_no_time_either():
    pace = Pace(SHORTEST_SECONDS)
    for _ in range(100):
        pace.learn(BUSY / 2, late_seconds=pace.seconds)
    assert pace.seconds == LONGEST_SECONDS


def test_an_interval_that_is_configured_longer_stays():
    pace = Pace(1.0)
    pace.learn(1.0)
    assert pace.seconds == 1.0
