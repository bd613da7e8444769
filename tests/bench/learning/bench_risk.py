"""Calibration of the risk model on the held-out months of simulated years.

python -m tests.bench.learning.bench_risk
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import fmean

import numpy as np

from canary.learning.calibration import brier_score, expected_calibration_error, log_loss
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.risk import settled, train
from canary.learning.risk_features import features
from canary.learning.services import badness
from canary.learning.world import World
from tests.canary.learning.labelled import labelled


def figures(
    seeds: Sequence[int] = (0, 1, 2, 3, 4), services: int = 50, days: int = 365, train_days: int = 270
) -> dict[str, object]:
    """Figures of a model trained on what is known after `train_days` days, on the releases after that; by seed.

    `trees` are gradient-boosted ones, uncalibrated, on the same features; `constant` says the share of bad releases
    so far of every one; `truth` are the chances that the simulation drew from, which no model can beat.
    """
    years = [_year(World(services, days, seed), train_days) for seed in seeds]
    errors = [float(year["calibration_error"]) for year in years]
    return {
        "calibration_error_worst": max(errors),
        "calibration_error_mean": fmean(errors),
        "target": 0.05,
        "is_reached": max(errors) <= 0.05,
        "years": years,
    }


def _year(world: World, train_days: int) -> Mapping[str, float]:
    releases = labelled(world)
    cut = releases[0].facts.at.replace(hour=0, minute=0) + timedelta(days=train_days)
    held_out = [release for release in releases if release.facts.at >= cut]
    model = train(releases, as_of=cut)
    is_bad = np.array([release.truth is Truth.BAD for release in held_out])
    known = settled(releases, cut)
    service = {each.name: each for each in world.services()}
    told = {
        "model": np.array([model.probability(each.facts) for each in held_out]),
        "trees": _trees(known, held_out),
        "constant": np.full(len(held_out), fmean(each.truth is Truth.BAD for each in known)),
        "truth": np.array([badness(service[each.facts.service], each.facts) for each in held_out]),
    }
    return {
        "releases": len(held_out),
        "bad": int(is_bad.sum()),
        "trained_on": model.training.releases,
        "calibration_error": round(expected_calibration_error(told["model"], is_bad), 4),
        "calibration_error_of_truth": round(expected_calibration_error(told["truth"], is_bad), 4),
        "calibration_error_of_trees": round(expected_calibration_error(told["trees"], is_bad), 4),
        "brier": round(brier_score(told["model"], is_bad), 4),
        **{f"log_loss_{name}": round(log_loss(each, is_bad), 4) for name, each in told.items()},
    }


def _trees(known: Sequence[LabelledRelease], held_out: Sequence[LabelledRelease]) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    seen, then = (np.array([[*features(each.facts).values()] for each in part]) for part in (known, held_out))
    fit = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=100, max_leaf_nodes=8, random_state=0)
    fit.fit(seen, [each.truth is Truth.BAD for each in known])
    found: np.ndarray = fit.predict_proba(then)[:, 1]
    return found


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
