"""What a canary can see, before it starts: chances and minutes under the expected traffic.

power(config, Traffic(rate=100, error_rate=0.01), harms=(2,))
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Self

from canary import binomial
from canary.config import CanaryConfig
from canary.errors import CanaryError
from canary.judgment import Verdict
from canary.simulation import Traffic
from canary.trials import Ends, judged, served, shown, ticks_of

#: Told how many of how many simulated ticks are judged.
OnProgress = Callable[[int, int], None]

#: Simulated canaries for each question: a chance of one half is known to 7 points either way, of 1 % to 2.
TRIALS: Final = 200


@dataclass(frozen=True, slots=True)
class Chance:
    """How often something happens, and when.

    Args:
        share: part of the trials in which it did.
        low: lower end of its 95 % interval.
        high: upper end.
        median_minutes: when it had happened in half of all trials; None where it did in fewer.
    """

    share: float
    low: float
    high: float
    median_minutes: float | None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of canaries with one effect.

    Args:
        harm: odds ratio of a failing request, canary against baseline.
        slower: factor on the canary's latencies.
        fails: FAIL before the deadline.
        passes: PASS before the deadline.
    """

    harm: float
    slower: float
    fails: Chance
    passes: Chance

    @property
    def is_harmless(self) -> bool:
        """Whether the canary is as good as its baseline."""
        return self.harm == 1 and self.slower == 1


@dataclass(frozen=True, slots=True)
class Power:
    """What a canary can see under the expected traffic.

    Args:
        prospects: that of a canary without harm first, then one for each harm asked for.
        trials: simulated canaries behind each.
        seed: where their randomness came from; the same seed gives the same figures.
        left_out: metrics that simulated traffic does not show; a PASS needs them too.
    """

    prospects: tuple[Prospect, ...]
    trials: int
    seed: int
    left_out: tuple[str, ...]

    def to_json(self) -> str:
        """The figures as JSON text that `from_json` reads back as an equal one."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The figures that `to_json` wrote.

        Raises:
            CanaryError: when the text is none.
        """
        try:
            fields = json.loads(text)
            prospects = tuple(
                Prospect(**{**each, "fails": Chance(**each["fails"]), "passes": Chance(**each["passes"])})
                for each in fields["prospects"]
            )
            return cls(**{**fields, "prospects": prospects, "left_out": tuple(fields["left_out"])})
        except (ValueError, KeyError, TypeError) as error:
            raise CanaryError("stored power cannot be read", why=str(error), mend="compute it again") from error


def power(
    config: CanaryConfig,
    traffic: Traffic,
    *,
    harms: Sequence[float] = (2.0,),
    slower: Sequence[float] = (),
    trials: int = TRIALS,
    seed: int = 1,
    on_progress: OnProgress = lambda done, total: None,
) -> Power:
    """The chance that a canary with each harm fails, and that one without passes, within the configured duration.

    Args:
        config: what the canary will be judged by.
        traffic: what both sides will serve; its own harm counts for nothing.
        harms: odds ratios of a failing request to look for.
        slower: factors on latency to look for.
        trials: simulated canaries for each.
        seed: the same seed gives the same figures.
        on_progress: told after each simulated tick how many of how many are done, at most.

    Raises:
        CanaryError: when no guardrail of the configuration can be simulated.
    """
    effects = [(1.0, 1.0), *((harm, 1.0) for harm in harms), *((1.0, factor) for factor in slower)]
    prospects = []
    for number, (harm, factor) in enumerate(effects):
        steps = _Steps(number, len(effects), ticks_of(config), on_progress)
        same = {"harm": harm, "slower": factor, "harm_from": 0.0, "ramp": ()}
        ticks = served(traffic.model_copy(update=same), config, trials, seed)
        prospects.append(_prospect(harm, factor, judged(config, ticks, trials, steps)))
    seen = {metric.name for metric in shown(config)}
    left_out = tuple(metric.name for metric in config.metrics if metric.name not in seen)
    return Power(tuple(prospects), trials, seed, left_out)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Progress of one effect as a part of all."""

    number: int
    effects: int
    ticks: int
    tell: OnProgress

    def __call__(self, done: int) -> None:
        self.tell(self.number * self.ticks + done, self.effects * self.ticks)


def _prospect(harm: float, slower: float, ends: Ends) -> Prospect:
    return Prospect(harm, slower, chance(ends, Verdict.FAIL), chance(ends, Verdict.PASS))


def chance(ends: Ends, verdict: Verdict) -> Chance:
    """How often, and when, trials end with a verdict."""
    count, trials = ends.count(verdict), len(ends.verdicts)
    return Chance(count / trials, *binomial.interval(count, trials), ends.median_minutes(verdict))
