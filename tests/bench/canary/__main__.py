"""Measures the canary judges and writes what came out: `python -m tests.bench.canary [MODULE...] [--scale 1]`.

Each module beside this one that has `measure(scale)` is run in a process of its own, one after the other, so that the
timings are honest. What was measured before and is not asked for again is kept, so a run that was broken off goes on
with the modules that are left.
"""

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.bench.canary.report import DOCUMENT, RESULTS, read_results, render, row_to
from tests.bench.canary.rows import Row

_FOLDER = Path(__file__).parent


def modules() -> list[str]:
    """Names of the modules that measure something, in order."""
    texts = {path.stem: path.read_text() for path in _FOLDER.glob("*.py")}
    return sorted(name for name, text in texts.items() if "\ndef measure(" in text)


def run(module: str, scale: float) -> dict[str, Any]:
    """One module's figures, measured in this process."""
    begin = time.perf_counter()
    rows: list[Row] = import_module(f"tests.bench.canary.{module}").measure(scale)
    return {"scale": scale, "seconds": round(time.perf_counter() - begin, 1), "rows": [row_to(row) for row in rows]}


def main() -> int:
    """Runs the chosen modules, or all; returns how many figures are not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.canary", description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(modules())}; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full number of runs (0.02 is quick)")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(run(chosen.only, chosen.scale), allow_nan=False))
        return 0
    for module in chosen.modules or modules():
        if module not in modules():
            parser.error(f"no module {module!r}; there are {', '.join(modules())}")
        print(f"bench: {module} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "tests.bench.canary", "--only", module, "--scale", str(chosen.scale)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        results = {**read_results(), module: json.loads(answer.stdout.splitlines()[-1])}
        print(f"bench: {module} took {results[module]['seconds']} s", file=sys.stderr, flush=True)
        if chosen.scale == 1:
            RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            DOCUMENT.write_text(render(results))
        else:
            print(render({module: results[module]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
