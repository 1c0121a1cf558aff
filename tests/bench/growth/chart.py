"""What was found of one growth: values over sizes, by contestant. Pure: as data, and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Panel:
    """One figure. `lines`: by name, a value for each size of the chart that was measured."""

    title: str
    unit: str
    lines: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.lines.setdefault(name, []).append(value)


@dataclass
class Chart:
    """`name` is its file's; `sizes` are what grows, in order."""

    name: str
    title: str
    grows: str
    sizes: Sequence[int]
    panels: list[Panel]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Chart":
        """From `dataclasses.asdict`."""
        panels = [Panel(**each) for each in stored["panels"]]
        return cls(**{**stored, "panels": panels})


def rows(chart: Chart) -> list[list[str]]:
    """A line a figure and contestant, headed by the sizes."""
    made = [[chart.grows, *(f"{size:,}" for size in chart.sizes)]]
    for panel in chart.panels:
        for name, values in panel.lines.items():
            label = panel.title if name == panel.title else f"{panel.title}, {name}"
            made.append([label, *(f"{_rounded(value)} {panel.unit}" for value in values)])
    return made


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def as_text(chart: Chart) -> str:
    cells = rows(chart)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
    return "\n".join([chart.title, *(line.rstrip() for line in lines)])


def as_markdown(chart: Chart, image: str) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows(chart))
    rule = "|---" * (len(chart.sizes) + 1) + "|"
    return "\n".join([f"![{chart.title}]({image})", "", head, rule, *rest])
