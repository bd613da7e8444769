"""Twenty metrics at once: what correcting for their number costs, and what naming the culprits is worth.

The cells are T10 of the benchmark of sequential canary tests: error rates of 0.5 % at 100 requests a second, none, one
or five of twenty half as high again in the canary, looked at every 15 s for an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.config import MetricConfig, MetricKind, Role
from canary.judgment import MetricResult, Verdict
from canary.sequential.counts import Counts
from canary.sequential.evidence import RateEvidence
from canary.sequential.many import combine
from canary.sequential.mixtures import Floats
from tests.bench.canary.gauges import FALSE_ALARMS, bar
from tests.bench.rows import Row

SHOWN: Final = "1 Twenty metrics"
ALPHA: Final = 0.01
METRICS: Final = 20
LOOKS: Final = 240
MINUTES_A_LOOK: Final = 0.25
_LIMIT: Final = float(np.log(METRICS / ALPHA))


@dataclass(frozen=True, slots=True)
class Found:
    """The look at which each rule first spoke, of shape `(runs,)`, infinite for never; and the share of wrong names."""

    any_alarm: Floats
    together: Floats
    named: Floats
    wrong: Floats


def measure(scale: float = 1.0) -> list[Row]:
    """False alarms of twenty metrics, and the minutes until one, or five, of them are found."""
    return [row for worse, runs in ((0, 2000), (1, 150), (5, 150)) for row in _of(worse, round(runs * scale))]


def _of(worse: int, runs: int) -> Iterator[Row]:
    found = _watched(worse, runs)
    rules = {"each by itself": found.any_alarm, "all together": found.together, "list of culprits": found.named}
    for rule, looks in rules.items():
        share = 100 * float(np.mean(np.isfinite(looks)))
        if worse == 0:
            yield Row(FALSE_ALARMS, f"20 metrics, {rule}, alpha {ALPHA:g}", share, "%", bar(ALPHA, runs))
            continue
        cell = f"{worse} of 20 worse, {rule}"
        yield Row(SHOWN, f"{cell}: found", share, "%")
        if np.median(looks) <= LOOKS:
            yield Row(SHOWN, f"{cell}: median", MINUTES_A_LOOK * float(np.median(looks)), "min")
    if worse:
        got = 100 * float(found.wrong.mean())
        yield Row(FALSE_ALARMS, f"{worse} of 20 worse, wrong names among the culprits", got, "%", bar(ALPHA, runs))


def _watched(worse: int, runs: int) -> Found:
    rng = np.random.default_rng([10, worse])
    rates = np.tile(np.where(np.arange(METRICS) < worse, 0.0075, 0.005), runs)
    evidence = RateEvidence(METRICS * runs, MetricConfig(name="errors", kind=MetricKind.COUNTS, dispersion=1))
    never = np.full(runs, np.inf)
    found = Found(never, never.copy(), never.copy(), np.zeros(runs))
    for look in range(1, LOOKS + 1):
        n_b, n_c = rng.poisson(1500, (2, METRICS * runs))
        counts = (n_b, rng.binomial(n_b, 0.005), n_c, rng.binomial(n_c, rates))
        evidence.add(Counts(*(each.astype(float) for each in counts)))
        log_harm = evidence.log_harm().reshape(runs, METRICS)
        # Below this no rule can speak: each needs one metric within ln 20 of its own limit.
        for run in np.flatnonzero((log_harm.max(axis=1) >= _LIMIT - np.log(METRICS)) & np.isinf(found.any_alarm)):
            _note(found, int(run), look, log_harm[run], worse)
        if np.all(np.isfinite(found.any_alarm)):
            break
    return found


def _note(found: Found, run: int, look: int, log_harm: Floats, worse: int) -> None:
    together = combine([_result(index, float(value)) for index, value in enumerate(log_harm)])
    spoken = (
        (found.any_alarm, together.alarms),
        (found.together, together.rolls_back),
        (found.named, together.culprits),
    )
    for looks, speaks in spoken:
        if speaks and np.isinf(looks[run]):
            looks[run] = look
    if together.culprits:
        found.wrong[run] = np.mean([int(name[1:]) >= worse for name in together.culprits])


def _result(index: int, log_harm: float) -> MetricResult:
    return MetricResult(
        name=f"m{index}",
        kind=MetricKind.COUNTS,
        role=Role.GUARDRAIL,
        verdict=Verdict.FAIL if log_harm >= _LIMIT else Verdict.INCONCLUSIVE,
        outcome="ok",
        sentence="",
        effect=None,
        low=None,
        high=None,
        unit="odds ratio",
        log_evidence_harm=log_harm,
        log_limit_harm=_LIMIT,
        log_evidence_safe=0.0,
        log_limit_safe=3.0,
        dispersion=1.0,
        baseline_value=None,
        canary_value=None,
    )
