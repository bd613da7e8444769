"""What a model of risk sees of a release: numbers by name, from what is known before it starts."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from canary.learning.facts import ChangeFacts, ChangeKind, ReleaseFacts

#: A service without history is taken to be like others: this share of releases goes bad (as `bad_share` of a retuning
#: policy), with the weight of so many releases.
_USUAL_SHARE: Final = 0.05
_USUAL_WEIGHT: Final = 20.0
#: Longer pauses say no more than one of 90 days, the time for which a service's history is known.
_LONGEST_PAUSE_H: Final = 90 * 24.0
_HOURS: Final = 24.0
_WEEK: Final = 7.0
#: Kinds of change beside code, which is the ordinary one.
_OTHER_KINDS: Final = tuple(kind for kind in ChangeKind if kind is not ChangeKind.CODE)


def features(facts: ReleaseFacts) -> Mapping[str, float]:
    """The release as numbers; what stands before a dot is one thing to whoever reads an explanation.

    Sizes are natural logarithms of one more. Time of day and day of week are waves of one and two periods, so that
    23:59 is next to 0:00 and Sunday next to Monday.
    """
    change, hour = facts.change, facts.at.hour + facts.at.minute / 60
    day = facts.at.weekday() + hour / _HOURS
    pause_h = min(_LONGEST_PAUSE_H if facts.hours_since_last is None else facts.hours_since_last, _LONGEST_PAUSE_H)
    return {
        "files changed": math.log1p(change.files_changed),
        "bytes changed": math.log1p(change.bytes_changed),
        "dependencies changed": math.log1p(change.dependencies_changed),
        **{f"kind of change.{kind}": float(change.kind is kind) for kind in _OTHER_KINDS},
        "first image": float(change.is_first),
        "regions": math.log1p(facts.regions),
        "earlier releases": math.log1p(facts.releases),
        "earlier rollbacks": _log_odds_of_rollback(facts),
        "last one rolled back": float(facts.was_last_rolled_back),
        "time since the last": math.log1p(max(pause_h, 0.0)),
        **_waves("time of day", hour / _HOURS),
        **_waves("day of week", day / _WEEK),
    }


def _log_odds_of_rollback(facts: ReleaseFacts) -> float:
    """Log odds of the share of releases rolled back, drawn to the usual one while there are few.

    A beta prior: `_USUAL_WEIGHT` releases more, of which the usual share was rolled back.
    """
    bad = facts.rollbacks + _USUAL_SHARE * _USUAL_WEIGHT
    good = facts.releases - facts.rollbacks + (1 - _USUAL_SHARE) * _USUAL_WEIGHT
    return math.log(bad / good)


def _waves(name: str, turn: float) -> Mapping[str, float]:
    """Sine and cosine of one and of two periods; `turn` is the part of the period that has passed."""
    angle = 2 * math.pi * turn
    return {
        f"{name}.{wave} {periods}": function(periods * angle)
        for periods in (1, 2)
        for wave, function in (("sine", math.sin), ("cosine", math.cos))
    }


#: The features' names, in order.
NAMES: Final = tuple(
    features(
        ReleaseFacts("", datetime.min.replace(tzinfo=UTC), ChangeFacts(ChangeKind.CODE, 0, 0, 0), 0, 0, 0, None, False)
    )
)
