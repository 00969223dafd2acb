"""python -m benchmarks [PART ...] [--features N ...] [--rounds N] [--seconds N]: measure, and write what came out."""

from __future__ import annotations

import argparse
import importlib

from benchmarks import report
from benchmarks.measure import measured
from benchmarks.stand import standing

PARTS = ("pages", "export", "tiles", "statistics", "along", "imports", "maps")
TOGETHER = {"serving": ("pages", "export"), "all": PARTS}


def main() -> None:
    """Measure the parts asked for, all by default, at each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["all"], choices=[*PARTS, *TOGETHER], metavar="PART")
    parser.add_argument("--features", nargs="+", type=int, default=[10_000, 200_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    asked = parser.parse_args()
    for features in asked.features:
        with standing(features) as stand:
            for name in dict.fromkeys(part for given in asked.parts for part in TOGETHER.get(given, (given,))):
                for work in importlib.import_module(f"benchmarks.{name}").works(stand, asked.seconds):
                    found = measured(work, asked.rounds, stand.settle)
                    report.show(features, work, found)
                    report.keep(name, stand, work, found)
    report.write()


if __name__ == "__main__":
    main()
