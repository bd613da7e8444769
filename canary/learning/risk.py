"""The risk of a release: how likely it is to be rolled back or to turn out bad, from what is known before.

model = train(releases)
model.probability(facts), model.contributions(facts)

A logistic regression whose log odds are calibrated on later releases than it was fitted on, which leaves it a
logistic regression: one weight a feature. Scoring takes no more than the standard library.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from canary.errors import CanaryError
from canary.learning.facts import ReleaseFacts
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.risk_features import NAMES, features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: The form of a model's JSON.
_FORM: Final = 1
#: Releases younger than this teach nothing yet: bad ones are known early and good ones late, so that among the young
#: ones with a label too many are bad.
SETTLED_AFTER: Final = timedelta(days=7)
#: Parts of the releases, oldest first: fitted on, choosing how strongly weights are held back, and calibrated on.
_FITTED, _CHOSEN_ON = 0.6, 0.2
#: Inverse strengths of the penalty on squared weights that are tried.
_INVERSE_PENALTIES: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
#: Bad and good releases that there must be in each part at least; with fewer even the share of bad ones is unknown to
#: within a factor of two (95 % interval of 10 of a Poisson count: 4.8 to 18.4).
_LEAST: Final = 10
#: Keeps a slope finite where bad and good ones can be told apart without error.
_HARDLY_PENALISED: Final = 100.0
#: Below this, a double's exponential overflows.
_LOWEST_LOG_ODDS: Final = -700.0


@dataclass(frozen=True, slots=True)
class Weight:
    """What one feature does to the log odds.

    Args:
        mean: its value at which it does nothing; that of the releases that were learned from.
        weight: log odds for each unit above.
        low: the smallest value learned from; less counts as this.
        high: the largest; more counts as this.
    """

    mean: float
    weight: float
    low: float
    high: float

    def log_odds(self, value: float) -> float:
        """What `value` adds."""
        return self.weight * (min(max(value, self.low), self.high) - self.mean)


@dataclass(frozen=True, slots=True)
class Training:
    """What a model was learned from.

    Args:
        releases: how many.
        bad: how many of them turned out bad.
        since: when the first was (ISO 8601, UTC).
        until: when the last was.
        as_of: only what was known then was used.
        inverse_penalty: the chosen one.
    """

    releases: int
    bad: int
    since: str
    until: str
    as_of: str
    inverse_penalty: float


@dataclass(frozen=True, slots=True)
class RiskModel:
    """Log odds of a bad release: `intercept`, and what each feature adds.

    Args:
        intercept: log odds of a release whose features are all as the mean.
        weights: by the name of the feature.
        training: what it was learned from.
    """

    intercept: float
    weights: Mapping[str, Weight]
    training: Training

    def probability(self, facts: ReleaseFacts) -> float:
        """How likely the release is to be rolled back or to turn out bad, in (0, 1)."""
        log_odds = self.intercept + sum(self._parts(facts).values())
        return 1 / (1 + math.exp(-max(log_odds, _LOWEST_LOG_ODDS)))

    def contributions(self, facts: ReleaseFacts) -> tuple[tuple[str, float], ...]:
        """What each thing adds to the log odds of a release as usual, in natural logarithms; the most first."""
        whole: dict[str, float] = defaultdict(float)
        for name, part in self._parts(facts).items():
            whole[name.partition(".")[0]] += part
        return tuple(sorted(whole.items(), key=lambda item: (-abs(item[1]), item[0])))

    def _parts(self, facts: ReleaseFacts) -> dict[str, float]:
        seen = features(facts)
        return {name: weight.log_odds(seen[name]) for name, weight in self.weights.items()}

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        return {"form": _FORM, **asdict(self)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The model that `to_json` wrote; raises CanaryError for anything that is none."""
        try:
            if fields["form"] != _FORM:
                raise ValueError(f"form {fields['form']!r}, and {_FORM} is read")
            weights = {str(name): Weight(**_numbers(told)) for name, told in fields["weights"].items()}
            intercept = _numbers({"intercept": fields["intercept"]})["intercept"]
            if unknown := sorted(set(weights) - set(NAMES)):
                raise ValueError(f"nothing is known of {', '.join(unknown)}")
            return cls(intercept, weights, Training(**fields["training"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CanaryError("this is no model of risk", why=str(error), mend="train it with this version") from error


def train(releases: Sequence[LabelledRelease], as_of: datetime | None = None) -> RiskModel:
    """A model from what was known at `as_of` (aware; by default when the last label came); the same ones give the same.

    Releases within SETTLED_AFTER of that time are left out. The oldest are fitted on, the next choose the penalty by
    their log loss, the newest calibrate the log odds (Platt 1999); bad ones count as good ones do, so that
    probabilities stay probabilities.

    Raises CanaryError when there are too few.
    """
    import numpy as np

    as_of = as_of or max((release.known_at for release in releases), default=None)
    known = settled(releases, as_of) if as_of else []
    is_bad = np.array([release.truth is Truth.BAD for release in known], bool)
    cuts = [round(len(known) * part) for part in (_FITTED, _FITTED + _CHOSEN_ON)]
    _check_enough(np.split(is_bad, cuts))
    assert as_of is not None
    seen = np.array([[*features(release.facts).values()] for release in known], float)
    penalty = _chosen(*np.split(seen, cuts)[:2], *np.split(is_bad, cuts)[:2])
    intercept, weights = _fitted(seen[: cuts[1]], is_bad[: cuts[1]], penalty)
    base, slope = _calibrated(intercept + seen[cuts[1] :] @ weights, is_bad[cuts[1] :])
    means, lows, highs = seen.mean(axis=0), seen.min(axis=0), seen.max(axis=0)
    columns = zip(means.tolist(), (slope * weights).tolist(), lows.tolist(), highs.tolist(), strict=True)
    return RiskModel(
        intercept=float(base + slope * (intercept + means @ weights)),
        weights={name: Weight(*column) for name, column in zip(NAMES, columns, strict=True)},
        training=Training(
            releases=len(known),
            bad=int(is_bad.sum()),
            since=known[0].facts.at.isoformat(),
            until=known[-1].facts.at.isoformat(),
            as_of=as_of.isoformat(),
            inverse_penalty=penalty,
        ),
    )


def settled(releases: Sequence[LabelledRelease], as_of: datetime) -> list[LabelledRelease]:
    """The releases whose truth was known then, and that were old enough for any truth to be known; oldest first."""
    found = [each for each in releases if each.known_at <= as_of and each.facts.at <= as_of - SETTLED_AFTER]
    return sorted(found, key=lambda release: (release.facts.at, release.facts.service))


def _check_enough(parts: "Sequence[NDArray[np.bool_]]") -> None:
    for part in parts:
        bad, good = int(part.sum()), int((~part).sum())
        if min(bad, good) < _LEAST:
            raise CanaryError(
                "there are too few labelled releases to learn from",
                why=f"a part of them has {bad} bad and {good} good ones, and {_LEAST} of each are needed",
                mend="label more releases, or wait until more are labelled",
            )


def _chosen(first: "Floats", then: "Floats", was_bad: "Floats", is_bad: "Floats") -> float:
    """The inverse penalty whose fit on the first part has the least log loss on the part after it."""
    from canary.learning.calibration import log_loss

    def loss(penalty: float) -> float:
        import numpy as np

        intercept, weights = _fitted(first, was_bad, penalty)
        return log_loss(1 / (1 + np.exp(-(intercept + then @ weights))), is_bad)

    return min(_INVERSE_PENALTIES, key=loss)


def _fitted(seen: "Floats", is_bad: "Floats", inverse_penalty: float) -> "tuple[float, Floats]":
    """Intercept and weights of a logistic regression whose weights are penalised in standard deviations."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = seen.mean(axis=0), seen.std(axis=0)
    scale[scale == 0] = 1.0
    fit = LogisticRegression(C=inverse_penalty, max_iter=1000).fit((seen - mean) / scale, is_bad)
    weights = fit.coef_[0] / scale
    return float(fit.intercept_[0] - mean @ weights), weights


def _calibrated(log_odds: "Floats", is_bad: "Floats") -> tuple[float, float]:
    """Intercept and slope that make these log odds fit what happened; a slope below 0 would be no information: 0."""
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=_HARDLY_PENALISED, max_iter=1000).fit(log_odds[:, None], is_bad)
    slope = float(fit.coef_[0, 0])
    if slope > 0:
        return float(fit.intercept_[0]), slope
    share = float(is_bad.mean())
    return math.log(share / (1 - share)), 0.0


def _numbers(told: Mapping[str, Any]) -> dict[str, float]:
    """The same as floats; raises ValueError for what is no finite number."""
    found = {name: float(value) for name, value in told.items()}
    if not all(map(math.isfinite, found.values())):
        raise ValueError("a number of it is not finite")
    return found
