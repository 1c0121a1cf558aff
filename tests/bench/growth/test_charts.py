"""A chart is drawn and written the same way each time, from what was found."""

from dataclasses import asdict
from xml.etree import ElementTree

from tests.bench.growth.chart import Chart, Panel, as_markdown, as_text
from tests.bench.growth.draw import draw

CHART = Chart(
    "streams",
    "Streams at once",
    "streams",
    (1, 1_000),
    [
        Panel("CPU a token", "µs", {"bare": [412.4, 90.2], "inline": [800.0, 75.0]}),
        Panel("gap, p99", "ms", {"bare": [3.14, 40.0], "inline": [45.0, 1234.5]}),
    ],
)


def test_a_chart_is_the_same_file_each_time(tmp_path):
    for name in ("one", "two"):
        draw(CHART, tmp_path / name)
    drawn = (tmp_path / "one").read_bytes()
    assert drawn == (tmp_path / "two").read_bytes()
    assert b"<dc:date>" not in drawn
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


def test_a_chart_survives_its_file():
    assert as_text(Chart.of(asdict(CHART))) == as_text(CHART)


def test_a_table_names_each_figure_and_contestant():
    assert as_markdown(CHART, "growth-streams.svg").splitlines() == [
        "![Streams at once](growth-streams.svg)",
        "",
        "| streams | 1 | 1,000 |",
        "|---|---|---|",
        "| CPU a token, bare | 412 µs | 90 µs |",
        "| CPU a token, inline | 800 µs | 75 µs |",
        "| gap, p99, bare | 3.1 ms | 40 ms |",
        "| gap, p99, inline | 45 ms | 1,234 ms |",
    ]
