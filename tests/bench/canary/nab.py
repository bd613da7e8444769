"""False alarms on real gauges: AWS CloudWatch series of the Numenta Anomaly Benchmark, where nothing is labelled.

Neighbouring values of one series are dealt to baseline and canary by lot, so both sides show the same machine under the
same load; a stretch of them is one canary, without any difference. Dealt in turn there would be one: what a machine
does every hour falls on the same side each time. Labelled windows are left out.
"""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.sequential.mixtures import Floats
from canary.sequential.paired import PairedEvidence
from canary.sequential.pods import LOOKS, PodEvidence
from tests.bench.canary.gauges import MINUTES, bar
from tests.bench.rows import Row

REAL_DATA: Final = "8 Real data"
_FOLDER: Final = Path(__file__).parents[2] / "data" / "nab"
_PODS: Final = 3
_DEALS: Final = 5
_RATIOS: Final = (1.0, 1.5)


def measure(scale: float = 1.0) -> list[Row]:
    """False alarms in quiet stretches; all of them are judged at any scale, since they are few."""
    files = {path.name: quiet_stretches(path) for path in sorted(_FOLDER.glob("*.csv"))}
    rows = [row for name, kept in files.items() for row in _of_one(name.removesuffix(".csv"), kept)]
    return [*_of_all("one pod", [_paired(kept, 2) for kept in files.values()]),
            *_of_all("3 pods a side", [_by_pods(kept) for kept in files.values()]), *rows]  # fmt: skip


def quiet_stretches(path: Path) -> list[Floats]:
    """The series cut where labelled windows lie."""
    labels = json.loads((path.parent / "combined_windows.json").read_text())
    windows = next(each for name, each in labels.items() if name.endswith(f"/{path.name}"))
    ends = [tuple(map(_time, window)) for window in windows]
    with path.open(newline="") as lines:
        rows = [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    marked = ((any(begin <= at <= end for begin, end in ends), value) for at, value in rows)
    parts = groupby(marked, key=lambda row: row[0])
    return [np.array([value for _, value in part]) for is_labelled, part in parts if not is_labelled]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def _dealt(stretches: list[Floats], ways: int) -> Floats:
    """Canaries of shape `(canaries, MINUTES, ways)`, one after the other through each stretch, dealt several times."""
    size, rng = MINUTES * ways, np.random.default_rng(9)
    cut = [part[: len(part) // size * size].reshape(-1, MINUTES, ways) for part in stretches]
    return rng.permuted(np.concatenate(cut * _DEALS), axis=2)


def _paired(stretches: list[Floats], ways: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Highest evidence of each canary, for harm up and for harm down; and whether it was refused at the end."""
    dealt = _dealt(stretches, ways)
    highest = np.zeros((2, len(dealt)))
    watched = [PairedEvidence(len(dealt), _RATIOS, (sign,)) for sign in (1, -1)]
    for minute in range(MINUTES):
        for row, evidence in enumerate(watched):
            evidence.add(dealt[:, minute, 0], dealt[:, minute, 1])
            highest[row] = np.maximum(highest[row], evidence.log_harm)
    return highest.ravel(), watched[0].is_refused()


def _by_pods(stretches: list[Floats]) -> tuple[Floats, NDArray[np.bool_]]:
    dealt = _dealt(stretches, 2 * _PODS)
    watched = [PodEvidence(len(dealt), _RATIOS, (sign,)) for sign in (1, -1)]
    for look in range(1, LOOKS + 1):
        means = dealt[:, : look * MINUTES // LOOKS].mean(axis=1)
        for evidence in watched:
            evidence.look(means[:, ::2], means[:, 1::2])
    return np.concatenate([evidence.log_harm for evidence in watched]), np.zeros(len(dealt), bool)


def _of_all(method: str, judged: list[tuple[Floats, NDArray[np.bool_]]]) -> Iterator[Row]:
    peaks, refused = (np.concatenate(each) for each in zip(*judged, strict=True))
    for alpha in (0.05, 0.01):
        got, note = 100 * float(np.mean(peaks >= -np.log(alpha))), f"{len(peaks)} canaries without difference"
        yield Row(
            REAL_DATA, f"NAB, {method}, alpha {alpha:g}: false alarms", got, "%", bar(alpha, len(peaks)), note=note
        )
    yield Row(REAL_DATA, f"NAB, {method}: refused as autocorrelated", 100 * float(np.mean(refused)), "%")


def _of_one(name: str, stretches: list[Floats]) -> Iterator[Row]:
    peaks, _ = _paired(stretches, 2)
    got = 100 * float(np.mean(peaks >= -np.log(0.05)))
    yield Row(REAL_DATA, f"NAB {name}, one pod: false alarms", got, "%", note=f"alpha 0.05, {len(peaks)} canaries")
