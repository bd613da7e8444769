"""Calibration of the model of risk on the held-out months of simulated years."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import fmean
from typing import Final

import numpy as np

from canary.learning.calibration import expected_calibration_error, log_loss
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.risk import settled, train
from canary.learning.risk_features import features
from canary.learning.services import badness
from canary.learning.world import World
from tests.bench.rows import Row
from tests.canary.learning.labelled import labelled

_FIGURE: Final = "6 Risk of a release"
_ASKED: Final = 0.05
#: What the model is compared with: trees on the same features, uncalibrated, and the chances that were drawn from.
_OTHERS: Final = {"trees": "boosted trees", "truth": "the true chances"}


def measure(scale: float) -> list[Row]:
    """A model of each of five years, trained on what was known after nine months and held to the three after them."""
    seeds, services = range(max(1, round(5 * scale))), max(20, round(50 * scale))
    years = [_year(World(services, 365, seed), 270) for seed in seeds]
    note = (
        f"{len(years)} years of {services} services, {sum(year['releases'] for year in years):,.0f} releases held out"
    )
    errors = [year["calibration_error"] for year in years]
    rows = [
        Row(_FIGURE, "expected calibration error, mean of the years", fmean(errors), "", _ASKED, note=note),
        Row(_FIGURE, "expected calibration error, worst year", max(errors), "", _ASKED),
    ]
    for name, what in _OTHERS.items():
        error = fmean(year[f"calibration_error_{name}"] for year in years)
        rows.append(Row(_FIGURE, f"expected calibration error, {what}", error, ""))
    for name, what in {"model": "the model", **_OTHERS, "constant": "the share of bad ones so far"}.items():
        rows.append(Row(_FIGURE, f"log loss, {what}", fmean(year[f"log_loss_{name}"] for year in years), ""))
    return rows


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
        "calibration_error": expected_calibration_error(told["model"], is_bad),
        **{f"calibration_error_{name}": expected_calibration_error(told[name], is_bad) for name in _OTHERS},
        **{f"log_loss_{name}": log_loss(each, is_bad) for name, each in told.items()},
    }


def _trees(known: Sequence[LabelledRelease], held_out: Sequence[LabelledRelease]) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    seen, then = (np.array([[*features(each.facts).values()] for each in part]) for part in (known, held_out))
    fit = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=100, max_leaf_nodes=8, random_state=0)
    fit.fit(seen, [each.truth is Truth.BAD for each in known])
    found: np.ndarray = fit.predict_proba(then)[:, 1]
    return found
