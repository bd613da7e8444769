"""Makes the retuning that notebook 02 shows by default: `python -m tests.notebooks.make_retuning`."""

from datetime import timedelta
from pathlib import Path

from canary import CanaryConfig
from canary.config import MetricConfig
from canary.learning.parquet_history import ParquetHistory, write_history
from canary.learning.policy import RetuningPolicy
from canary.learning.retuning import retune
from canary.learning.stopped import stopped
from canary.learning.world import World
from operators.learning.retuning import HISTORY, Retuned

FOLDER = Path(__file__).parent / "data" / "retuning"
CHAMPION = CanaryConfig(
    profile="standard",
    alpha=0.1,
    interval=timedelta(minutes=2),
    min_duration=timedelta(minutes=10),
    duration=timedelta(minutes=20),
    metrics=(MetricConfig(name="error_rate", margin=1.2), MetricConfig(name="latency", margin=1.2)),
)


def main() -> None:
    """Writes the history and what a retuning made of it."""
    policy = RetuningPolicy(min_labelled=40)
    world = World(services=8, days=150, seed=12)
    write_history(FOLDER / HISTORY, (stopped(batch, CHAMPION) for batch in world.batches(CHAMPION)))
    result = retune(CHAMPION, ParquetHistory(FOLDER / HISTORY), policy, seed=1, trials=20)
    Retuned(FOLDER, "standard", 1, policy, result).write()
    print(result.why)


if __name__ == "__main__":
    main()
