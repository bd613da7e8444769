"""Evidence that restarts at each step of a ramp."""

from collections.abc import Sequence

import numpy as np

from canary.sequential.counts import Floats, log_sum_exp


def log_over_steps(parts: Sequence[Floats], *, is_stepped: bool) -> Floats:
    """Natural logarithm of the evidence of all starts together, first start first.

    In a ramp start k weighs 2**-k, fixed beforehand, and what is left for later starts counts as 1: harm that shows
    only under a later step's load is not diluted by the steps before it (benchmark of sequential canary tests, 2.9).
    """
    if not is_stepped:
        return parts[0]
    log_weights = -np.log(2.0) * np.arange(1, len(parts) + 1)
    stacked = np.stack([*parts, np.zeros_like(parts[0])])
    return log_sum_exp(stacked + np.append(log_weights, log_weights[-1])[:, None], axis=0)
