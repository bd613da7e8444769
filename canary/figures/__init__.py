"""Pictures of a canary, each a matplotlib figure: in a report, or in a notebook.

Three lines show one where `config` and `looks` are at hand:

    from canary.figures import Watched, evidence
    canary = Watched(config, looks)
    evidence(canary, "error_rate")

`evidence`, `series`, `distributions`, `quantile_differences` and `pods` are about one metric; `traffic(canary)` is
about how requests were split, and `effects(canary.judgment.metrics)` compares metrics. `figure.get_label()` tells in
words what a figure shows.
"""

from canary.figures.effect_intervals import effects
from canary.figures.evidence_curves import evidence
from canary.figures.histograms import distributions
from canary.figures.pod_view import pods
from canary.figures.quantile_bands import quantile_differences
from canary.figures.style import COLOURS
from canary.figures.time_series import series
from canary.figures.traffic_split import traffic
from canary.figures.watched import Watched

__all__ = [
    "COLOURS",
    "Watched",
    "distributions",
    "effects",
    "evidence",
    "pods",
    "quantile_differences",
    "series",
    "traffic",
]
