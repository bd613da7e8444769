"""Replaying ten thousand canaries of an hour: time, and memory."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from canary import CanaryConfig
from canary.learning.parquet_history import write_history
from canary.learning.world import World
from tests.bench.rows import Row

_FIGURE: Final = "4 Replaying recorded canaries"
_CONFIG: Final = CanaryConfig(duration=timedelta(hours=1))
#: Replays in a process of its own, and says how long it took and how much memory was in use at most, by itself and by
#: its largest worker.
_REPLAY: Final = """
import json, resource, sys, time
from datetime import timedelta
from pathlib import Path
from canary import CanaryConfig
from canary.learning.parquet_history import ParquetHistory
from canary.learning.replay import replayed

if __name__ == "__main__":
    begin = time.perf_counter()
    history = ParquetHistory(Path(sys.argv[1]))
    count = sum(1 for _ in replayed(CanaryConfig(duration=timedelta(hours=1)), history, workers=2))
    seconds = time.perf_counter() - begin
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"count": count, "seconds": seconds, "mebibytes": peaks}))
"""


def measure(scale: float) -> list[Row]:
    """10,000 canaries with a look each 15 s, from Parquet, by two processes; and a fifth of them, for the memory."""
    count = max(200, round(10_000 * scale))
    with TemporaryDirectory() as folder:
        few, many = (_replayed(Path(folder), each) for each in (count // 5, count))
    peak, before = (max(np.sum(each["mebibytes"]), 1.0) for each in (many, few))
    note = f"{many['count']:,} canaries of an hour, a look each 15 s, read from Parquet, two processes"
    return [
        Row(_FIGURE, "time", many["seconds"], "s", 60 * scale, note=note),
        Row(_FIGURE, "most memory of both", peak, "MiB"),
        Row(_FIGURE, "most memory, against a fifth of the canaries", peak / before, "times", 1.15),
    ]


def _replayed(folder: Path, count: int) -> dict[str, float]:
    """What a process of its own says that replays so many canaries."""
    days = 1 + count // 20
    world = World(services=50, days=days, seed=8)
    releases = world.releases()
    until = releases[min(count, len(releases) - 1)].at
    write_history(folder / str(count), world.batches(_CONFIG, until=until))
    script = folder / "replay.py"
    script.write_text(_REPLAY)
    answer = subprocess.run(
        [sys.executable, str(script), str(folder / str(count))], stdout=subprocess.PIPE, check=True, text=True
    )
    found: dict[str, float] = json.loads(answer.stdout)
    return found
