"""How long requests take, from bucketed histograms."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.samples import Histogram, Lacking
from canary.sequential.counts import Counts, Floats, log_mean_exp
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import Interval, OddsRatios
from canary.sequential.metrics import Reading
from canary.sequential.ranks import RankEvidence
from canary.ticks import Tick
from canary.wording import percent

#: Baseline requests after which the protected edges are picked. Safety evidence starts there, so the pick is fair.
EDGES_PICKED_AT: Final = 100


class HistogramPanel:
    """Watches the share of requests above every bucket edge, and the whole distribution by ranks."""

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metrics, self._config, self._is_stepped = metrics, config, is_stepped
        self._histograms: dict[str, _Histograms] = {}
        self._lacking: dict[str, Lacking] = {}

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        for histograms in self._histograms.values():
            histograms.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        for metric in self._metrics:
            pair = tick.metrics[metric.name]
            if isinstance(pair, Lacking):
                self._lacking[metric.name] = pair
            elif isinstance(pair.baseline, Histogram) and isinstance(pair.canary, Histogram):
                self._lacking.pop(metric.name, None)
                self._add(metric, pair.baseline, pair.canary)
            else:
                self._lacking[metric.name] = Lacking("wrong kind", "its source does not give a histogram")

    def _add(self, metric: MetricConfig, baseline: Histogram, canary: Histogram) -> None:
        if metric.name not in self._histograms:
            self._histograms[metric.name] = _Histograms(baseline.edges, metric, is_stepped=self._is_stepped)
        self._histograms[metric.name].add(np.array(baseline.buckets, float), np.array(canary.buckets, float))

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        return tuple(self._reading(metric) for metric in self._metrics)

    def _reading(self, metric: MetricConfig) -> Reading:
        lacking = self._lacking.get(metric.name)
        if metric.name in self._histograms:
            return replace(self._histograms[metric.name].reading(self._config), lacking=lacking)
        return Reading("Latency", "", None, None, Interval(None, None, None), 0.0, 0.0, 1.0, lacking=lacking)


class _Histograms:
    def __init__(self, edges_ms: tuple[float, ...], metric: MetricConfig, *, is_stepped: bool) -> None:
        self._edges_ms, self._metric = edges_ms, metric
        self._edges = RateEvidence(len(edges_ms), metric, is_stepped=is_stepped)
        # Ranks tell any slowness; where some is tolerated, only the edges can tell how much there is.
        uses_ranks = metric.tolerance == 1
        buckets = len(edges_ms) + 1
        self._ranks = RankEvidence(buckets, metric.dispersion, is_stepped=is_stepped) if uses_ranks else None
        self._odds = OddsRatios(len(edges_ms))
        self._totals = np.zeros((2, buckets))
        self._protected: list[int] = []

    def begin_step(self) -> None:
        self._edges.begin_step()
        if self._ranks is not None:
            self._ranks.begin_step()

    def add(self, baseline: Floats, canary: Floats) -> None:
        counts = Counts(*_above(baseline), *_above(canary))
        self._edges.add(counts)
        self._odds.add(counts)
        if self._ranks is not None:
            self._ranks.add(baseline, canary)
        self._totals += (baseline, canary)
        if not self._protected and self._totals[0].sum() >= EDGES_PICKED_AT:
            self._protected = self._pick()
            self._edges.restart_safety()

    def reading(self, config: CanaryConfig) -> Reading:
        edge_harm, edge_safe = self._edges.log_harm(), self._edges.log_safe()
        log_harm = float(log_mean_exp(edge_harm[None, :], axis=1)[0])
        if self._ranks is not None:
            log_harm = float(np.logaddexp(log_harm, self._ranks.log_harm()) - np.log(2))
        log_safe = float(edge_safe[self._protected].min()) if self._protected else 0.0
        is_harm = log_harm >= -np.log(config.alpha_of(self._metric))
        if is_harm or not self._protected:
            shown = int(np.argmax(edge_harm))
        else:
            shown = self._protected[int(np.argmin(edge_safe[self._protected]))]
        dispersion = float(self._edges.dispersion()[shown])
        (n_b, n_c), (s_b, s_c) = self._totals.sum(axis=1), self._totals[:, shown + 1 :].sum(axis=1)
        baseline, canary = float(s_b / n_b) if n_b else None, float(s_c / n_c) if n_c else None
        return Reading(
            subject="Latency",
            comparison=_comparison(baseline, canary, self._edges_ms[shown]),
            baseline=baseline,
            canary=canary,
            interval=self._odds.interval(shown, dispersion, config.beta),
            log_harm=log_harm,
            log_safe=log_safe,
            dispersion=dispersion,
            sizes=(int(n_b), int(n_c)),
            threshold=float(self._edges_ms[shown]),
        )

    def _pick(self) -> list[int]:
        """The lowest edge that holds each protected quantile of the baseline, or the last edge there is."""
        held = np.cumsum(self._totals[0])[:-1] / self._totals[0].sum()
        last = len(self._edges_ms) - 1
        return sorted({min(int(np.searchsorted(held, level)), last) for level in self._metric.protect})


def _above(histogram: Floats) -> tuple[Floats, Floats]:
    """Requests, and requests above each edge."""
    total = histogram.sum()
    return np.full(len(histogram) - 1, total), total - np.cumsum(histogram)[:-1]


def _comparison(baseline: float | None, canary: float | None, edge_ms: float) -> str:
    if baseline is None or canary is None:
        return ""
    slow = f"{percent(canary)} of the canary's requests take over {edge_ms:g} ms"
    return f"{slow} against {percent(baseline)} in the baseline"
