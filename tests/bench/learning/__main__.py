"""Measures the learning loop: `python -m tests.bench.learning [MODULE...] [--scale 1]`."""

import sys
from pathlib import Path

from tests.bench.report import Suite
from tests.bench.suite import main

SUITE = Suite(
    name="learning",
    document=Path(__file__).parents[3] / "docs" / "learning-performance.md",
    head="""\
<!-- Written by `make bench-learning`; do not edit. -->

# How well Gennaker learns

Simulated services with known truth and fixed seeds, judged, labelled and retuned by the code that does so for real
ones. `make bench-learning` measures it again (about {minutes} minutes on two cores) and writes this page and
`tests/bench/learning/results.json`. "Asked" is what was aimed at; where it says **no**, it is not reached.

{reached} of {asked} figures that were aimed at are reached.
""",
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
