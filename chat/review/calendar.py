"""Years, months and days to narrow a list by.

Pure. Django's own drill-down asks the database which days have rows, which reads everything that a
search finds, once more; this one only needs to know when the first and the last row are from.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


NAMES = ("year", "month", "day")


class Step(NamedTuple):
    """A choice: its words, and the year, month and day that it stands for. None: chosen already."""

    title: str
    chosen: dict[str, int] | None


class Steps(NamedTuple):
    """`back` is the wider span, None where there is none."""

    back: Step | None
    choices: list[Step]


def steps(first: date, last: date, chosen: Mapping[str, int]) -> Steps:
    """What can be chosen next, between the first and the last day that there is."""
    year, month, day = (chosen.get(name) for name in NAMES)
    if year is None:
        years = range(first.year, last.year + 1)
        return Steps(None, [Step(str(each), {"year": each}) for each in years])
    all_dates = Step("All dates", {})
    if month is None:
        months = [
            Step(f"{MONTHS[each - 1]} {year}", {"year": year, "month": each})
            for each in range(1, 13)
            if (first.year, first.month) <= (year, each) <= (last.year, last.month)
        ]
        return Steps(all_dates, months)
    whole_year = Step(str(year), {"year": year})
    if day is None:
        days = [
            Step(f"{MONTHS[month - 1]} {each.day}", {"year": year, "month": month, "day": each.day})
            for each in _days(year, month)
            if first <= each <= last
        ]
        return Steps(whole_year, days)
    whole_month = Step(f"{MONTHS[month - 1]} {year}", {"year": year, "month": month})
    return Steps(whole_month, [Step(f"{MONTHS[month - 1]} {day}", None)])


def _days(year: int, month: int) -> list[date]:
    first = date(year, month, 1)
    after = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=each) for each in range((after - first).days)]
