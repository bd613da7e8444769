"""The search for better settings inside the bounds, by Optuna: few courses of evidence, many decisions on each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from canary.config import CanaryConfig
from canary.learning.bounds import clamped, settings_of, spans
from canary.learning.courses import Courses, courses_of, decided, held
from canary.learning.estimates import Outcomes, cost_under, means_of, outcomes_of
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Batch

if TYPE_CHECKING:
    from optuna import Study, Trial

#: Settings that shape evidence, of the metrics; with the interval they are the outer layer.
_SHAPING: Final = ("tolerance", "margin", "negligible")
#: Decisions tried on each course of evidence: 20 settle alpha, beta and times to about a hundredth of the cost.
_DECISIONS: Final = 20
#: What a false rollback above the target adds to the cost that is searched, in units of a false rollback.
_ABOVE_TARGET: Final = 20.0

Settings = Mapping[str, float]


@dataclass(slots=True)
class Best:
    """The best settings so far, and what the search counts for them."""

    config: CanaryConfig
    loss: float


def outcomes_under(config: CanaryConfig, courses: Sequence[Courses], policy: RetuningPolicy) -> Outcomes:
    """How the canaries of some courses end under a configuration of their shape."""
    canaries = [canary for each in courses for canary in each.batch.canaries]
    endings = [ending for each in courses for ending in decided(each, config)]
    return outcomes_of(canaries, endings, policy.max_service_share)


def searched(
    champion: CanaryConfig,
    batches: Sequence[Batch],
    policy: RetuningPolicy,
    *,
    seed: int,
    trials: int,
    on_progress: Callable[[int, int], None],
) -> CanaryConfig:
    """The settings of the least cost on labelled canaries, the champion among those tried.

    The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization") chooses
    what shapes the evidence, and within each choice what decides on it.
    """
    best = Best(champion, float("inf"))
    study = _study(seed)
    now = settings_of(champion)
    outer, inner = _names(champion)
    strides = {"interval": max(1, round(now["interval"] / _longest(batches)))}
    study.enqueue_trial({name: strides.get(name, now[name]) for name in outer})
    for number in range(trials):
        trial = study.ask()
        shape = _suggested(trial, outer, champion, batches, policy)
        config = clamped(champion, settings_of(best.config) | shape, policy)
        courses = [courses_of(config, batch) for batch in batches]
        loss = _decisions(champion, config, courses, policy, best, inner, seed + number + 1)
        study.tell(trial, loss)
        on_progress(number + 1, trials)
    return best.config


def _decisions(
    champion: CanaryConfig,
    config: CanaryConfig,
    courses: Sequence[Courses],
    policy: RetuningPolicy,
    best: Best,
    names: Sequence[str],
    seed: int,
) -> float:
    """The least loss of settings that decide on the same evidence; better ones than the best become it."""
    shape = {name: value for name, value in settings_of(config).items() if name not in names}
    study = _study(seed)
    for settings in (settings_of(champion), settings_of(best.config)):
        study.enqueue_trial({name: settings[name] for name in names})
    for _ in range(_DECISIONS):
        trial = study.ask()
        settings = shape | _suggested(trial, names, champion, (), policy)
        tried = clamped(champion, settings, policy)
        loss = _loss(outcomes_under(tried, courses, policy), policy)
        study.tell(trial, loss)
        if loss < best.loss:
            best.config, best.loss = tried, loss
    return study.best_value


def _loss(outcomes: Outcomes, policy: RetuningPolicy) -> float:
    above = max(0.0, means_of(outcomes, policy)[0] - policy.false_rollback_target)
    return cost_under(outcomes, policy) + _ABOVE_TARGET * above


def _suggested(
    trial: "Trial", names: Sequence[str], champion: CanaryConfig, batches: Sequence[Batch], policy: RetuningPolicy
) -> dict[str, float]:
    """A value for each setting in its span, on a logarithmic scale where that can be.

    The interval is a multiple of the longest recorded one: what lies between recorded looks cannot be replayed.
    """
    found, limits = {}, spans(champion, policy)
    for name in names:
        span = limits[name]
        if name == "interval":
            unit = _longest(batches)
            most = max(1, int(span.high / unit))
            found[name] = unit * trial.suggest_int(name, min(max(1, ceil(span.low / unit)), most), most)
        elif span.low < span.high:
            found[name] = trial.suggest_float(name, span.low, span.high, log=span.low > 0)
        else:
            found[name] = span.low
    return found


def _longest(batches: Sequence[Batch]) -> float:
    """The longest recorded interval, in seconds."""
    return max(canary.config.interval.total_seconds() for batch in batches for canary in batch.canaries)


def _names(champion: CanaryConfig) -> tuple[list[str], list[str]]:
    """The settings of the outer layer and of the inner; of metrics that are replayed only."""
    metrics = [metric.name for metric in held(champion)]
    outer = ["interval", *(f"{metric}.{name}" for metric in metrics for name in _SHAPING)]
    weights = [f"{metric}.weight" for metric in metrics] if len(metrics) > 1 else []
    return outer, ["alpha", "beta", "min_requests", "min_duration", "duration", *weights]


def _study(seed: int) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False))
