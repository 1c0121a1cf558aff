"""`python -m tests.bench`: measure, and print the table. No figure fails the run."""

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.bench import machine, table
from tests.bench.command import carry_out
from tests.bench.house import House
from tests.bench.run import FULL, QUICK, USUAL, Findings, measure

BUSY_LOAD = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--quick", action="store_true", help="some two minutes, one round")
    amount.add_argument("--full", action="store_true", help="more rounds, more of everything")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, help="write everything that was found to this file")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    return carry_out("bench", lambda: _bench(arguments))


def _bench(arguments: argparse.Namespace) -> int:
    size = QUICK if arguments.quick else FULL if arguments.full else USUAL
    busy = machine.load_average()
    if busy > BUSY_LOAD:
        print(f"The machine is busy (load {busy:.1f}): trust nothing.", file=sys.stderr)
    with ExitStack() as stack:
        findings = measure(House(stack), size)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(findings), indent=1))
    _print(findings, markdown=arguments.markdown)
    return 0


def _print(findings: Findings, *, markdown: bool) -> None:
    draw = table.as_markdown if markdown else table.as_text
    print(draw(findings.names, table.rows(findings)), end="\n\n")
    for line in machine.described():
        print(line)
    print(f"{table.shares(findings)}")


if __name__ == "__main__":
    sys.exit(main())
