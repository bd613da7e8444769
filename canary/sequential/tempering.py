"""Ratios of likelihoods from which the dispersion is averaged out."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.sequential.counts import Floats, log_sum_exp
from canary.sequential.dispersion import LEVELS

#: How likely each of `LEVELS` is thought to be: clean data are by far the most frequent.
LIKELY: Final = np.array([0.9, 0.02, 0.02, 0.02, 0.015, 0.01, 0.006, 0.004, 0.003, 0.002])


@dataclass(frozen=True, slots=True)
class Tempering:
    """What is believed of the dispersions of some rates; all arrays are of shape `(n, levels)`.

    Args:
        levels: dispersions that are averaged over.
        above: logarithm of how likely each is, by what was thought beforehand and by the ticks.
        below: logarithm of how much each is feared, by the ticks too.
    """

    levels: Floats
    above: Floats
    below: Floats

    @classmethod
    def of(cls, known: Floats, learnt: Floats, feared: Floats) -> "Tempering":
        """Beliefs from known dispersions (0 where none is known), else from what the ticks say.

        Args:
            known: of shape `(n,)`.
            learnt: log likelihood of each of `LEVELS`, of shape `(n, levels)`.
            feared: weight of each of `LEVELS` under the null hypothesis.
        """
        is_known, even = (known > 0)[:, None], -np.log(len(LEVELS))
        said = learnt - 0.5 * np.log(LEVELS)
        return cls(
            levels=np.where(is_known, known[:, None], LEVELS),
            above=np.where(is_known, even, np.log(LIKELY) + said),
            below=np.where(is_known, even, np.log(feared) + said),
        )

    def log_evidence(self, alternatives: Floats, weights: Floats, null: Floats, peak: Floats) -> Floats:
        """Logarithm of the evidence for the alternatives together and against the null hypothesis, of shape `(n,)`.

        Args:
            alternatives: log likelihoods, of shape `(n, alternatives)`.
            weights: how likely each alternative is thought to be, adding up to 1.
            null: log likelihood of the null hypothesis, of shape `(n,)`.
            peak: the highest log likelihood that any hypothesis has, of shape `(n,)`.
        """
        return self.log_support(alternatives, weights, peak) - self.log_null(peak - null)

    def log_support(self, likelihoods: Floats, weights: Floats, peak: Floats) -> Floats:
        """Logarithm of how likely some hypotheses together are, against that of the peak, of shape `(n,)`."""
        rises = (likelihoods - peak[:, None])[:, None, :] / self.levels[:, :, None] + np.log(weights)
        return log_sum_exp(log_sum_exp(rises, axis=2) + self.above, axis=1)

    def log_null(self, fall: Floats) -> Floats:
        """Logarithm of how much a hypothesis is feared whose log likelihood is `fall` below the peak."""
        return log_sum_exp(self.below - fall[:, None] / self.levels, axis=1)


def of_known(dispersions: Floats) -> Tempering:
    """Beliefs where every dispersion is known, of shape `(n,)`."""
    learnt = np.zeros((len(dispersions), len(LEVELS)))
    return Tempering.of(dispersions, learnt, np.ones(len(LEVELS)))
