"""`python -m tests.soak`: talk to a cluster for minutes, and say whether anything was wrong."""

import argparse
import asyncio
import json
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.command import carry_out
from tests.soak import judge
from tests.soak.place import Place
from tests.soak.run import Soak, soak

SHOWN_FAULTS = 30


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of load (%(default)s)")
    parser.add_argument("--talkers", type=int, default=20, help="at once (%(default)s)")
    parser.add_argument("--webs", type=int, default=2, help="web processes (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="workers (%(default)s)")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--seed", type=int, help="of what the talkers do")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    return parser.parse_args()


def main() -> int:
    asked = _arguments()
    return carry_out("soak", lambda: _soak(asked))


def _soak(asked: argparse.Namespace) -> int:
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    random.seed(seed)
    began = time.monotonic()
    print(f"soak: {asked.minutes:g} minutes, {asked.talkers} talkers, seed {seed}", flush=True)
    with ExitStack() as stack:
        place = Place(stack, asked.server, webs=asked.webs, workers=asked.workers)
        print(f"soak: {', '.join(place.names.values())} serve", flush=True)
        found = asyncio.run(soak(place, 60 * asked.minutes, asked.talkers))
        said = place.said() if found.faults else ""
    if asked.json:
        asked.json.write_text(json.dumps(found.samples, indent=1))
    _summarise(found, time.monotonic() - began)
    return _verdict(found, said)


def _summarise(found: Soak, seconds: float) -> None:
    scenes = ", ".join(f"{count} × {name}" for name, count in sorted(found.scenes.items()))
    print(f"\n{found.prompts} prompts and steers in {seconds:.0f} s: {scenes}.")
    print(f"{found.characters:,} characters were shown and compared.\n")
    if len(found.samples) < judge.FEWEST_SAMPLES:
        return
    assert found.at_rest is not None
    before, after = found.at_rest
    heads = ("second half from", "rise", "±", "before all", "after all")
    print(f"{'':28}" + "".join(f"{head:>17}" for head in heads))
    for name, each in judge.trends(found.samples).items():
        numbers = (each.start, each.rise, each.noise, before[name], after.get(name, 0.0))
        print(f"{name:28}" + "".join(f"{number:>17.1f}" for number in numbers))


def _verdict(found: Soak, said: str) -> int:
    if not found.faults:
        print("\nNothing was wrong.")
        return 0
    print(f"\n{len(found.faults)} faults:", file=sys.stderr)
    for fault in found.faults[:SHOWN_FAULTS]:
        print(f"  {fault}", file=sys.stderr)
    if said:
        print(f"\nwhat the cluster said last:\n{said}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
