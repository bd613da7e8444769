"""Measures the modules of a suite and writes what came out."""

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from typing import Any

from tests.bench.report import Suite, read_results, render, row_to
from tests.bench.rows import Row


def modules(suite: Suite) -> list[str]:
    """Names of the modules that measure something, in order."""
    texts = {path.stem: path.read_text() for path in suite.folder.glob("*.py")}
    return sorted(name for name, text in texts.items() if "\ndef measure(" in text)


def run(suite: Suite, module: str, scale: float) -> dict[str, Any]:
    """One module's figures, measured in this process."""
    begin = time.perf_counter()
    rows: list[Row] = import_module(f"tests.bench.{suite.name}.{module}").measure(scale)
    return {"scale": scale, "seconds": round(time.perf_counter() - begin, 1), "rows": [row_to(row) for row in rows]}


def main(suite: Suite) -> int:
    """Runs the chosen modules, or all; each in a process of its own, one after the other, for honest timings.

    What was measured before and is not asked for again is kept, so a run that was broken off goes on with the modules
    that are left.
    """
    known, package = modules(suite), f"tests.bench.{suite.name}"
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=suite.head.splitlines()[2].lstrip("# "))
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full number of runs (0.02 is quick)")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(run(suite, chosen.only, chosen.scale), allow_nan=False))
        return 0
    for module in chosen.modules or known:
        if module not in known:
            parser.error(f"no module {module!r}; there are {', '.join(known)}")
        print(f"bench: {module} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", package, "--only", module, "--scale", str(chosen.scale)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        results = {**read_results(suite), module: json.loads(answer.stdout.splitlines()[-1])}
        print(f"bench: {module} took {results[module]['seconds']} s", file=sys.stderr, flush=True)
        if chosen.scale == 1:
            suite.results.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            suite.document.write_text(render(suite, results))
        else:
            print(render(suite, {module: results[module]}))
    return 0
