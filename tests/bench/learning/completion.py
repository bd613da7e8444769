"""How near the estimates of other settings come, from canaries that were stopped, to what those settings really do."""

from datetime import timedelta
from typing import Final

from canary import CanaryConfig
from canary.config import MetricConfig
from canary.learning.completion import completed
from canary.learning.estimates import means_of
from canary.learning.policy import RetuningPolicy
from canary.learning.stopped import stopped
from canary.learning.world import World
from tests.bench.learning.years import outcomes_of
from tests.bench.rows import Row

_FIGURE: Final = "5 Looks that were never taken"
_UNTIL: Final = timedelta(hours=1)
_NAMES: Final = ("false rollbacks", "misses", "undecided", "hours")


def _settings(alpha: float, tolerance: float, margin: float, least: int, most: int) -> CanaryConfig:
    metrics = [
        MetricConfig(name=name, tolerance=tolerance, margin=margin, negligible=0.003)
        for name in ("error_rate", "latency")
    ]
    return CanaryConfig(
        alpha=alpha,
        interval=timedelta(seconds=30),
        min_duration=timedelta(minutes=least),
        duration=timedelta(minutes=most),
        metrics=tuple(metrics),
    )


_RECORDED: Final = _settings(0.2, 1.0, 1.5, 2, 20)
_OTHERS: Final = {
    "less alpha": _settings(0.01, 1.0, 1.5, 2, 20),
    "three times as long": _settings(0.05, 1.05, 1.5, 10, 60),
    "a wider margin": _settings(0.05, 1.1, 2.0, 5, 30),
}


def measure(scale: float) -> list[Row]:
    """Figures of other settings on all looks, on the looks that were taken, and on those continued."""
    policy = RetuningPolicy()
    world = World(services=max(4, round(30 * scale)), days=90, seed=21)
    whole = list(world.batches(_RECORDED))
    cut = [stopped(batch, _RECORDED) for batch in whole]
    seen = {"truth": whole, "only looks taken": cut, "continued": [completed(each, _UNTIL, seed=1) for each in cut]}
    rows = []
    for name, config in _OTHERS.items():
        means = {how: means_of(outcomes_of(config, batches, policy), policy) for how, batches in seen.items()}
        for place, figure in enumerate(_NAMES):
            told = ", ".join(f"{how} {each[place]:.3f}" for how, each in means.items())
            error = abs(means["continued"][place] - means["truth"][place])
            rows.append(Row(_FIGURE, f"{name}: {figure}, away from the truth", error, "", note=told))
    return rows
