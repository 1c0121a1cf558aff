"""`python -m tests.bench.growth`: measure, print the tables, draw docs/growth-*.svg."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.bench import machine
from tests.bench.command import carry_out
from tests.bench.growth.chart import Chart, as_markdown, as_text
from tests.bench.growth.draw import draw
from tests.bench.growth.measure import QUICK, USUAL, Growth
from tests.bench.house import House
from tests.bench.processes import ROOT, Failed

WHAT = ("streams", "conversations", "lengths", "followers")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"some of {', '.join(WHAT)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of the drawings")
    parser.add_argument("--redraw", action="store_true", help="from the figures that are there")
    asked = parser.parse_args()
    if unknown := set(asked.what) - set(WHAT):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return asked


def main() -> int:
    asked = _arguments()
    return carry_out("growth", lambda: _grow(asked))


def _grow(asked: argparse.Namespace) -> int:
    what = asked.what or WHAT
    if asked.redraw:
        _finish([_read(asked.out, name) for name in what], asked)
    else:
        _measure(what, asked)
    return 0


def _measure(what: Sequence[str], asked: argparse.Namespace) -> None:
    with ExitStack() as stack:
        house = House(stack)
        growth = Growth(house, QUICK if asked.quick else USUAL)
        for name in what:
            try:
                chart: Chart = getattr(growth, name)()
            except Failed as error:
                raise Failed(f"{error}{house.processes.said()}") from None
            _file(asked.out, name, "json").write_text(json.dumps(asdict(chart), indent=1) + "\n")
            _finish([chart], asked)
    print("\n".join(machine.described()))


def _finish(charts: Sequence[Chart], asked: argparse.Namespace) -> None:
    for chart in charts:
        image = _file(asked.out, chart.name, "svg")
        draw(chart, image)
        table = as_markdown(chart, image.name) if asked.markdown else as_text(chart)
        print(table, end="\n\n", flush=True)


def _read(folder: Path, name: str) -> Chart:
    return Chart.of(json.loads(_file(folder, name, "json").read_text()))


def _file(folder: Path, name: str, ending: str) -> Path:
    return folder / f"growth-{name}.{ending}"


if __name__ == "__main__":
    sys.exit(main())
