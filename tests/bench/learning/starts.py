"""Where the simulated years start from."""

from datetime import timedelta
from typing import Final

from canary import CanaryConfig
from canary.config import MetricConfig

_EVERY: Final = timedelta(seconds=30)

#: Deliberately bad: takes small harm for real, demands more safety than most traffic can show, and waits long before.
POOR: Final = CanaryConfig(
    profile="standard",
    alpha=0.2,
    beta=0.3,
    interval=_EVERY,
    min_duration=timedelta(minutes=10),
    metrics=(MetricConfig(name="error_rate", margin=1.15), MetricConfig(name="latency", margin=1.15)),
)
