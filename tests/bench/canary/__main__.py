"""Measures the canary judges: `python -m tests.bench.canary [MODULE...] [--scale 1]`."""

import sys
from pathlib import Path

from tests.bench.report import Suite
from tests.bench.suite import main

SUITE = Suite(
    name="canary",
    document=Path(__file__).parents[3] / "docs" / "canary-performance.md",
    head="""\
<!-- Written by `make bench-canary`; do not edit. -->

# How good the canary judges are

Simulated traffic with fixed seeds, and real recorded traffic, judged by the code that judges canaries.
`make bench-canary` measures it again (about {minutes} minutes on one core) and writes this page and
`tests/bench/canary/results.json`. "Asked" is what was aimed at; where it says **no**, it is not reached.

{reached} of {asked} figures that were aimed at are reached.

![False alarms against delay](pictures/canary-tradeoff.png)
""",
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
