"""Evidence that the whole latency distribution moved up."""

from typing import Final

import numpy as np

from canary.sequential.counts import Floats, log_mean_exp
from canary.sequential.dispersion import Dispersion
from canary.sequential.steps import log_over_steps

#: Sizes of the shift, in standard deviations of the rank score (benchmark of sequential canary tests, 2.4).
_TILTS: Final = np.array([0.03, 0.06, 0.12, 0.25, 0.5, 1.0])


class RankEvidence:
    """Evidence of slower requests, from the bucket ranks of both sides.

    Each tick multiplies block e-values (Turner, Ly and Gruenwald, arXiv:2106.02693): latency scores by the ranks that
    the ticks before gave the buckets, so the first tick bets nothing.
    """

    def __init__(self, buckets: int, known_dispersion: float | None, *, is_stepped: bool) -> None:
        self._seen = np.zeros(buckets)
        self._known = known_dispersion
        self._is_stepped = is_stepped
        self._dispersion = Dispersion(1)
        self._likelihood = np.zeros(len(_TILTS))
        self._starts = [self._likelihood.copy()]

    def begin_step(self) -> None:
        """Starts a fresh part of the evidence."""
        self._starts.append(self._likelihood.copy())

    def add(self, baseline: Floats, canary: Floats) -> None:
        """Takes in one tick: requests of each side by bucket."""
        both, n_b, n_c = baseline + canary, baseline.sum(), canary.sum()
        if self._seen.any() and n_b and n_c:
            scores, past = self._scores()
            self._bet(scores, past, baseline, canary)
            share = n_c / (n_b + n_c)
            mean = scores @ both / (n_b + n_c)
            residual = scores @ canary - n_c * mean
            variance = share * (1 - share) * ((scores - mean) ** 2 @ both)
            self._dispersion.add(np.array([residual]), np.array([variance]))
        self._seen += both

    def log_harm(self) -> float:
        """Natural logarithm of the evidence that the canary is slower."""
        dispersion = self._known or self._dispersion.cautious()
        parts = [log_mean_exp((self._likelihood - start)[None, :] / dispersion, axis=1) for start in self._starts]
        return float(log_over_steps(parts, is_stepped=self._is_stepped)[0])

    def _scores(self) -> tuple[Floats, Floats]:
        past = self._seen / self._seen.sum() + 0.01
        past /= past.sum()
        midrank = np.cumsum(past) - past / 2
        return np.sqrt(3.0) * (2 * midrank - 1), past

    def _bet(self, scores: Floats, past: Floats, baseline: Floats, canary: Floats) -> None:
        ratio = np.exp(_TILTS[:, None] * scores)
        ratio /= (ratio @ past)[:, None]
        n_b, n_c = baseline.sum(), canary.sum()
        middle = (n_c * ratio + n_b) / (n_b + n_c)
        self._likelihood += np.log(ratio / middle) @ canary - np.log(middle) @ baseline
