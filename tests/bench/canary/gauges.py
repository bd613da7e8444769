"""Gauges without a difference, and with one: autocorrelated series of one pod, and pods that always differ a little.

The cells are T7 (60 one-minute values a side, deviation 5 %, first-order autocorrelation) and T8 (pods with offsets of
their own) of the benchmark of sequential canary tests.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.sequential.mixtures import Floats
from canary.sequential.paired import PairedEvidence
from canary.sequential.pods import LOOKS, PodEvidence
from tests.bench.rows import Row

FALSE_ALARMS: Final = "1 False alarms"
SHOWN: Final = "1 Gauges: what is found, for comparison"
ALPHAS: Final = (0.05, 0.01)
MINUTES: Final = 60
DEVIATION: Final = 0.05
_WARM: Final = 50
#: No tolerance, and a margin that plays no part here.
_RATIOS: Final = (1.0, 1.5)

Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def measure(scale: float = 1.0) -> list[Row]:
    """False alarms of gauges in an hour, and how soon a shift of 10 % is found."""
    return [*_autocorrelated(round(4000 * scale)), *_by_pods(round(4000 * scale))]


def bar(alpha: float, runs: int) -> float:
    """The most false alarms, in percent: alpha and 1.64 standard errors."""
    return float(100 * (alpha + 1.64 * (alpha * (1 - alpha) / runs) ** 0.5))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape)


def _heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    drawn: Floats = rng.standard_t(3, shape) / np.sqrt(3)
    return drawn


def series(rng: np.random.Generator, phi: float, shape: tuple[int, ...], noise: Noise = _normal) -> Floats:
    """Autoregressive series of deviation one, of shape `(MINUTES, *shape)`."""
    drawn = noise(rng, (MINUTES + _WARM, *shape))
    for minute in range(1, len(drawn)):
        drawn[minute] = phi * drawn[minute - 1] + np.sqrt(1 - phi**2) * drawn[minute]
    return drawn[_WARM:]


def _autocorrelated(runs: int) -> Iterator[Row]:
    for name, noise in (("normal", _normal), ("Student t3", _heavy)):
        for phi in (0.0, 0.3, 0.6, 0.8, 0.9, 0.95):
            cell = f"one pod, {name}, autocorrelation {phi:g}"
            peaks, refused, _ = _paired(runs, phi, 0.0, noise)
            for alpha in ALPHAS:
                got = 100 * float(np.mean(peaks >= -np.log(alpha)))
                yield Row(FALSE_ALARMS, f"gauge of {cell}, alpha {alpha:g}", got, "%", bar(alpha, runs))
            yield Row(SHOWN, f"{cell}: refused at the end", 100 * float(refused.mean()), "%")
            peaks, _, minutes = _paired(runs, phi, 0.1, noise)
            yield Row(
                SHOWN, f"{cell}: +10 % found", 100 * float(np.mean(peaks >= -np.log(0.05))), "%", note="alpha 0.05"
            )
            if np.median(minutes) <= MINUTES:
                yield Row(SHOWN, f"{cell}: +10 % found, median", float(np.median(minutes)), "min", note="alpha 0.05")


def _paired(runs: int, phi: float, shift: float, noise: Noise = _normal) -> tuple[Floats, NDArray[np.bool_], Floats]:
    rng = np.random.default_rng([7, round(100 * phi), round(100 * shift)])
    baseline, canary = (1 + DEVIATION * series(rng, phi, (runs,), noise) for _ in range(2))
    return _watched(baseline, canary + shift)


def _watched(baseline: Floats, canary: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Highest evidence, whether refused at the end, and the minute at which it first passed at 0.05."""
    evidence = PairedEvidence(baseline.shape[1], _RATIOS, (1,))
    highest, found = np.zeros(baseline.shape[1]), np.full(baseline.shape[1], np.inf)
    for minute, (one, other) in enumerate(zip(baseline, canary, strict=True), start=1):
        evidence.add(one, other)
        highest = np.maximum(highest, evidence.log_harm)
        found = np.where((highest >= -np.log(0.05)) & np.isinf(found), minute, found)
    return highest, evidence.is_refused(), found


def _by_pods(runs: int) -> Iterator[Row]:
    for pods in (1, 3, 5, 10):
        for offset in (0.0, 0.01, 0.03):
            for phi in (0.3, 0.9):
                cell = f"{pods} pods a side, offsets {100 * offset:g} %, autocorrelation {phi:g}"
                peaks, _ = _pods(runs, pods, offset, phi, 0.0)
                note = "too weak to roll back alone" if pods == 1 else ""
                for alpha in ALPHAS:
                    got = 100 * float(np.mean(peaks >= -np.log(alpha)))
                    yield Row(FALSE_ALARMS, f"gauge of {cell}, alpha {alpha:g}", got, "%", bar(alpha, runs), note=note)
                peaks, minutes = _pods(runs // 4, pods, offset, phi, 0.1)
                found = 100 * float(np.mean(peaks >= -np.log(0.05)))
                yield Row(SHOWN, f"{cell}: +10 % found", found, "%", note="alpha 0.05")
                if np.median(minutes) <= MINUTES:
                    yield Row(
                        SHOWN, f"{cell}: +10 % found, median", float(np.median(minutes)), "min", note="alpha 0.05"
                    )


def _pods(runs: int, pods: int, offset: float, phi: float, shift: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([8, pods, round(100 * offset), round(100 * phi), round(100 * shift)])
    sides = []
    for level in (1.0, 1.0 + shift):
        always = offset * rng.standard_normal((runs, pods))
        sides.append(level * (1 + always + DEVIATION * series(rng, phi, (runs, pods))))
    baseline, canary = sides
    if pods == 1:
        highest, _, found = _watched(baseline[..., 0], canary[..., 0])
        return highest, found
    evidence, found = PodEvidence(runs, _RATIOS, (1,)), np.full(runs, np.inf)
    for look in range(1, LOOKS + 1):
        minute = look * MINUTES // LOOKS
        evidence.look(baseline[:minute].mean(axis=0), canary[:minute].mean(axis=0))
        found = np.where((evidence.log_harm >= -np.log(0.05)) & np.isinf(found), minute, found)
    return evidence.log_harm, found
