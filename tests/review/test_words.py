"""The small things that pages are made of: lines, numbers, dates, searches taken apart."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chat.models import Response
from chat.review import calendar, plain
from chat.review.facts import facts_of, receipt_of
from chat.review.search import Wanted, parse

BEGAN = datetime(2026, 3, 4, tzinfo=UTC)


def test_a_line_turns_no_direction_and_has_no_controls():
    assert plain.one_line("a\u202eb\u2066c\nd\x00e\u2028f") == "a b c d e f"


def test_a_line_is_short():
    assert plain.one_line("x" * 1_000_000, 10) == "x" * 9 + "…"
    assert plain.one_line("x" * 10, 10) == "x" * 10


def test_json_is_cut_where_it_gets_too_long():
    shown = plain.pretty({"a": "x" * 30_000})
    assert len(shown) < 20_100
    assert shown.endswith("characters more")
    assert len(plain.pretty({"a": "x" * 30_000}, None)) > 30_000


def response(**fields: object) -> Response:
    return Response(**{"created_at": BEGAN, "usage_estimated": False, **fields})


def test_numbers_are_those_that_are_known():
    assert facts_of(response()) == []


def test_speed_counts_from_the_first_delta():
    told = response(
        input_tokens=1200, cached_tokens=200, output_tokens=100, reasoning_tokens=0,
        first_delta_at=BEGAN + timedelta(seconds=2), ended_at=BEGAN + timedelta(seconds=6),
    )  # fmt: skip
    assert dict(facts_of(told)) == {
        "input": "1,200 tokens (200 cached)",
        "output": "100 tokens",
        "first delta": "2.00 s",
        "took": "6.00 s",
        "speed": "25.0 tokens/s",
    }


def test_an_estimate_says_so():
    told = dict(facts_of(response(input_tokens=3, output_tokens=7, usage_estimated=True)))
    assert told == {"input": "3 tokens (estimated)", "output": "7 tokens (estimated)"}


def test_what_took_long_is_told_in_minutes():
    told = dict(facts_of(response(ended_at=BEGAN + timedelta(minutes=90, seconds=5))))
    assert told["took"] == "90 min 5 s"


def test_a_receipt_says_who_when_how_soon_and_what_was_seen():
    kept = {
        "asked_by": "ada", "asked_at": 1_772_582_400.0, "upstream_closed_at": 1_772_582_400.0125,
        "seen_sequence_number": 1234,
    }  # fmt: skip
    assert receipt_of(response(receipt=kept)) == (
        "Cancelled by ada at 2026-03-04 00:00:00 UTC · upstream closed after 12.5 ms"
        " · seen up to event 1,234"
    )


def test_a_cancel_before_upstream_was_asked_says_so():
    kept = {"asked_by": "ada", "asked_at": 1_772_582_400.0, "upstream_closed_at": None}
    assert receipt_of(response(receipt=kept)).endswith("upstream was not open")


FIRST, LAST = date(2025, 11, 3), date(2026, 3, 4)


def titles(chosen: dict[str, int]) -> list[str]:
    return [step.title for step in calendar.steps(FIRST, LAST, chosen).choices]


def test_dates_are_offered_between_the_first_and_the_last():
    assert titles({}) == ["2025", "2026"]
    assert titles({"year": 2025}) == ["November 2025", "December 2025"]
    assert titles({"year": 2025, "month": 11})[0] == "November 3"
    assert titles({"year": 2026, "month": 3}) == [f"March {day}" for day in range(1, 5)]
    assert titles({"year": 2030}) == []


def test_every_date_leads_back_to_a_wider_one():
    assert calendar.steps(FIRST, LAST, {}).back is None
    wider = [
        calendar.steps(FIRST, LAST, chosen).back
        for chosen in (
            {"year": 2026}, {"year": 2026, "month": 3}, {"year": 2026, "month": 3, "day": 4},
        )
    ]  # fmt: skip
    assert [back.chosen for back in wider if back] == [
        {},
        {"year": 2026},
        {"year": 2026, "month": 3},
    ]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("plain words", Wanted("plain words", [], [])),
        ("user:ada deploy", Wanted("deploy", ["ada"], [])),
        ('title:"two words" user:ada', Wanted("", ["ada"], ["two words"])),
        ('"a phrase" -not title:x', Wanted('"a phrase" -not', [], ["x"])),
        ("superuser:x", Wanted("superuser:x", [], [])),
    ],
)
def test_a_search_is_taken_apart(asked: str, wanted: Wanted):
    assert parse(asked) == wanted
