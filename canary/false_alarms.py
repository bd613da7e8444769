"""How often a configuration fails canaries that are no worse (A/A), on simulated traffic or on a real baseline's."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.config import CanaryConfig
from canary.errors import CanaryError
from canary.judgment import Verdict
from canary.looks import ERROR_RATE, LATENCY, Look
from canary.power import Chance, chance
from canary.samples import EventCount, Histogram
from canary.simulation import Drawn, Traffic
from canary.ticks import Pair, Tick, Ticker
from canary.trials import Ends, OnTick, Served, judged, served

#: Canaries judged by default: with none failed, the rate is below 0.75 % (95 %).
TRIALS: Final = 500


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """What became of canaries that are their own baseline.

    Args:
        fails: FAIL, each a false alarm.
        errors: ERROR.
        passes: PASS.
        alpha: the rate of false alarms that the configuration allows.
        trials: canaries judged.
        seed: where the randomness came from.
    """

    fails: Chance
    errors: Chance
    passes: Chance
    alpha: float
    trials: int
    seed: int

    @property
    def is_within(self) -> bool:
        """Whether nothing says that false alarms are more frequent than allowed."""
        return self.fails.low <= self.alpha

    def to_json(self) -> str:
        """The figures as JSON text."""
        return json.dumps({**asdict(self), "is_within": self.is_within}, sort_keys=True)


def of_traffic(
    config: CanaryConfig,
    traffic: Traffic,
    *,
    trials: int = TRIALS,
    seed: int = 1,
    on_tick: OnTick = lambda done: None,
) -> FalseAlarms:
    """False alarms on simulated traffic; its own harm counts for nothing.

    Raises:
        CanaryError: when no guardrail of the configuration can be simulated.
    """
    harmless = traffic.model_copy(update={"harm": 1.0, "slower": 1.0, "ramp": ()})
    return _told(judged(config, served(harmless, config, trials, seed), trials, on_tick), config, seed)


def of_looks(
    config: CanaryConfig,
    looks: Iterable[Look],
    *,
    splits: int = TRIALS,
    seed: int = 1,
    on_tick: OnTick = lambda done: None,
) -> FalseAlarms:
    """False alarms on halves of a stored baseline, parted anew for each trial by a coin for each request.

    Real rates, drift and latencies are in both halves alike. Errors that come together are parted too, so that what
    clusters do to a configuration is better asked of simulated traffic.

    Args:
        config: what to judge by.
        looks: stored looks, in order.
        splits: how often to part the baseline.
        seed: the same seed parts it in the same ways.
        on_tick: told after each tick.

    Raises:
        CanaryError: when the baseline served nothing, or no guardrail of the configuration can be split.
    """
    ticks = list(_until(config.duration.total_seconds(), _ticks(looks)))
    if not any(tick.requests_baseline for tick in ticks):
        raise CanaryError("the baseline of these looks served nothing", mend="give looks at traffic")
    ends = judged(config, _halves(ticks, splits, np.random.default_rng(seed)), splits, on_tick)
    return _told(ends, config, seed)


def _told(ends: Ends, config: CanaryConfig, seed: int) -> FalseAlarms:
    fails, errors, passes = (chance(ends, verdict) for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.PASS))
    return FalseAlarms(fails, errors, passes, alpha=config.alpha, trials=len(ends.verdicts), seed=seed)


def _halves(ticks: Iterable[Tick], splits: int, rng: np.random.Generator) -> Iterator[Served]:
    for tick in ticks:
        events, latency = _of_baseline(tick)
        errors = _parted(np.array([events.events]), splits, rng)[:, :, 0]
        others = _parted(np.array([(events.requests or 0) - events.events]), splits, rng)[:, :, 0]
        buckets = _parted(np.array(latency.buckets, np.int64), splits, rng)
        yield Served(tick.seconds, 0.5, Drawn(errors + others, errors, buckets), latency.edges)


def _until(seconds: float, ticks: Iterable[Tick]) -> Iterator[Tick]:
    """The ticks that begin within the first `seconds`."""
    for tick in ticks:
        if seconds <= 0:
            return
        yield tick
        seconds -= tick.seconds


def _ticks(looks: Iterable[Look]) -> Iterator[Tick]:
    """The ticks of the baseline against itself."""
    ticker = Ticker((ERROR_RATE, LATENCY))
    for look in looks:
        tick = ticker.add(Look(look.at, look.baseline, look.baseline))
        if tick is not None and tick.seconds > 0:
            yield tick


def _of_baseline(tick: Tick) -> tuple[EventCount, Histogram]:
    """What the baseline served; nothing where it shows nothing."""
    events, latency = (tick.metrics[name] for name in (ERROR_RATE, LATENCY))
    found = events.baseline if isinstance(events, Pair) else None
    times = latency.baseline if isinstance(latency, Pair) else None
    return (
        found if isinstance(found, EventCount) else EventCount(0, 0),
        times if isinstance(times, Histogram) else Histogram((0,), ()),
    )


def _parted(counts: NDArray[np.int64], splits: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts parted in two by a coin for each, `(2, splits, n)`."""
    one = rng.binomial(counts, 0.5, (splits, len(counts)))
    return np.stack([one, counts - one])
