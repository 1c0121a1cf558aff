"""The soak can fail: its judge, fed with made-up samples."""

import random

from tests.soak import judge

SECONDS = 600
EVERY = 5


def samples(name: str, value, noise: float = 0.0, count: int = SECONDS // EVERY):
    """Of one measure: `value` by the seconds since the start."""
    chance = random.Random(4)
    return [
        {"at": at, name: value(at) + chance.uniform(-noise, noise)}
        for at in range(0, count * EVERY, EVERY)
    ]


def test_what_stays_is_no_growth():
    assert judge.growing(samples("web 1 MB", lambda at: 120, noise=3)) == []


def test_what_fills_a_cache_at_the_start_is_no_growth():
    assert judge.growing(samples("web 1 MB", lambda at: min(160, 100 + at))) == []


def test_memory_that_grows_on_and_on_is_found_through_the_noise():
    (fault,) = judge.growing(samples("worker 1 MB", lambda at: 100 + 0.08 * at, noise=3))
    assert fault.startswith("worker 1 MB grew by 2")


def test_a_descriptor_that_leaks_now_and_then_is_found():
    assert judge.growing(samples("web 2 descriptors", lambda at: 60 + at // 20, noise=2))


def test_a_task_that_leaks_is_found_among_those_that_come_and_go():
    assert judge.growing(samples("web 1 tasks", lambda at: 200 + 0.3 * at, noise=30))


def test_rows_of_a_queue_that_nobody_empties_are_found():
    assert judge.growing(samples("lease rows", lambda at: at / 10, noise=5))


def test_chance_alone_is_no_growth():
    for noise in (1, 10, 100):
        assert judge.growing(samples("lease rows", lambda at: 200, noise=noise)) == []


def test_a_measure_without_a_rule_may_grow():
    assert judge.growing(samples("ended responses", lambda at: at)) == []


def test_few_samples_are_no_verdict_but_a_fault():
    (fault,) = judge.growing(samples("web 1 MB", lambda at: 100, count=5))
    assert "nothing can be said" in fault


def test_what_is_left_when_all_have_gone_is_a_fault():
    before = {"at": 0, "lease rows": 0, "web 1 descriptors": 60, "web 1 MB": 90}
    after = {"at": 600, "lease rows": 1, "web 1 descriptors": 80, "web 1 MB": 200}
    (fault,) = judge.left_over(before, after)
    assert fault.startswith("lease rows: 1 are left")


def test_objects_that_somebody_holds_at_the_end_are_a_fault():
    before, after = {"at": 0, "web 1 objects": 7_000}, {"at": 600, "web 1 objects": 19_000}
    assert judge.growing(samples("web 1 objects", lambda at: 7_000 + 20 * at)) == []
    assert judge.left_over(before, after)


def test_a_process_that_died_is_missed():
    alive = {"at": 0, "web 1 MB": 90, "web 2 MB": 90}
    assert judge.disappeared([alive, alive]) == []
    (fault,) = judge.disappeared([alive, {"at": 5, "web 2 MB": 90}])
    assert fault == "web 1 MB could not be measured at the end"
