"""A chart as an SVG that is the same, byte for byte, for the same values.

Readable on a light page and on a dark one: nothing behind it, and grey in the middle of both.
"""

from itertools import cycle
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from tests.bench.growth.chart import Chart, Panel

GREY = "#808080"
# Told apart on both backgrounds, and by those who do not see all colours.
COLOURS = ("#999999", "#d98200", "#2b8ad6", "#009e73", "#cc79a7")
MARKERS = "osD^v"
PANEL_INCHES = (3.4, 2.5)
LEGEND_INCHES = 1.6
# More than these would cover the lines that they name.
LINES_INSIDE = 3
STYLE = {
    "svg.hashsalt": "interject",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.markersize": 4,
    "lines.linewidth": 1.4,
}


def draw(chart: Chart, file: Path) -> None:
    width, height = PANEL_INCHES
    outside = sum(len(panel.lines) > LINES_INSIDE for panel in chart.panels) * LEGEND_INCHES
    with mpl.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            1,
            len(chart.panels),
            figsize=(width * len(chart.panels) + outside, height),
            squeeze=False,
            layout="constrained",
        )
        for axis, panel in zip(axes[0], chart.panels, strict=True):
            _panel(axis, chart, panel)
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Title": chart.title}
        )
        pyplot.close(figure)


def _panel(axis: Axes, chart: Chart, panel: Panel) -> None:
    looks = zip(cycle(COLOURS), cycle(MARKERS))
    for (name, values), (colour, marker) in zip(panel.lines.items(), looks, strict=False):
        sizes = chart.sizes[: len(values)]
        axis.plot(sizes, values, color=colour, marker=marker, label=name)
    axis.set_title(f"{panel.title}, {panel.unit}")
    axis.set_xlabel(chart.grows)
    axis.set_xscale("log")
    axis.set_xticks(chart.sizes)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_ylim(bottom=0)
    axis.grid(visible=True, axis="y")
    if len(panel.lines) > LINES_INSIDE:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    elif len(panel.lines) > 1:
        axis.legend()


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
