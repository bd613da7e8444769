"""What simulated services and their changes are like.

All numbers here are made up to be believable, and none is measured: most services see little traffic, most changes are
small, and large ones, new dependencies and late hours go wrong more often.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.learning.facts import ChangeFacts, ChangeKind, ReleaseFacts
from canary.simulation import Traffic

#: Names of simulated services; from the 31st on they carry a number.
# fmt: off
_NAMES: Final = (
    "accounts", "adverts", "baskets", "billing", "catalogue", "checkout", "comments", "delivery", "downloads",
    "emails", "feeds", "gateway", "images", "invoices", "loyalty", "maps", "media", "messages", "notices", "orders",
    "payments", "pictures", "prices", "profiles", "ratings", "returns", "search", "stock", "taxes", "vouchers",
)
# fmt: on
_REGIONS: Final = ("eu-west", "us-east", "ap-south")
_KINDS: Final = (ChangeKind.CODE, ChangeKind.CONFIGURATION, ChangeKind.DEPENDENCIES, ChangeKind.MIXED)


@dataclass(frozen=True, slots=True)
class SimulatedService:
    """A service that never was.

    Args:
        name: its name.
        regions: where it runs; the canary is in the first.
        traffic: what both sides serve while nothing is wrong.
        releases_per_day: expected number.
        usual_files: median number of files that a release changes.
        log_odds_bad: of an ordinary release of this service to be bad, on the natural-logarithm scale.
    """

    name: str
    regions: tuple[str, ...]
    traffic: Traffic
    releases_per_day: float
    usual_files: float
    log_odds_bad: float


def a_service(number: int, rng: np.random.Generator) -> SimulatedService:
    """One more service, with a name of its own."""
    again, place = divmod(number, len(_NAMES))
    is_clustered = rng.random() < 0.4
    traffic = Traffic(
        rate=float(np.clip(np.exp(rng.normal(np.log(25), 1.1)), 1.0, 300.0)),
        error_rate=float(np.exp(rng.uniform(np.log(0.0005), np.log(0.02)))),
        latency_ms=float(np.exp(rng.uniform(np.log(20), np.log(400)))),
        spread=float(rng.uniform(0.4, 0.9)),
        cluster=float(rng.uniform(2, 5)) if is_clustered else 1.0,
        noise=float(rng.choice([0.0, 0.15, 0.3])),
    )
    return SimulatedService(
        name=_NAMES[place] + (f"-{again + 1}" if again else ""),
        regions=_REGIONS[: int(rng.integers(1, 4))],
        traffic=traffic,
        releases_per_day=float(np.exp(rng.normal(np.log(0.5), 0.6))),
        usual_files=float(np.exp(rng.normal(np.log(12), 0.5))),
        log_odds_bad=float(rng.normal(-3.2, 0.6)),
    )


def change_of(service: SimulatedService, rng: np.random.Generator, *, is_first: bool) -> ChangeFacts:
    """What one release changes."""
    kind = _KINDS[int(rng.choice(4, p=[0.6, 0.15, 0.1, 0.15]))]
    files = 1 + int(rng.poisson(np.exp(rng.normal(np.log(service.usual_files), 1.0))))
    has_dependencies = kind in (ChangeKind.DEPENDENCIES, ChangeKind.MIXED)
    return ChangeFacts(
        kind=kind,
        files_changed=files,
        bytes_changed=int(files * np.exp(rng.normal(np.log(4000), 0.8))),
        dependencies_changed=1 + int(rng.poisson(1.5)) if has_dependencies else 0,
        is_first=is_first,
    )


def badness(service: SimulatedService, facts: ReleaseFacts) -> float:
    """The chance, in (0, 1), that a release is bad; known to the simulation only."""
    is_late = facts.at.weekday() == 4 or facts.at.hour >= 17
    log_odds = (
        service.log_odds_bad
        + 0.6 * np.log(facts.change.files_changed / service.usual_files)
        + 0.4 * min(facts.change.dependencies_changed, 4)
        - 0.7 * (facts.change.kind is ChangeKind.CONFIGURATION)
        + 0.5 * is_late
        + 0.7 * facts.was_last_rolled_back
    )
    return float(1 / (1 + np.exp(-log_odds)))


def ordinary(traffic: Traffic, rng: np.random.Generator) -> Traffic:
    """The traffic of a good release: it differs from the baseline a little, as all releases do.

    In 3 of 100 something outside hits both sides alike meanwhile.
    """
    outside = float(rng.uniform(3, 8)) if rng.random() < 0.03 else float(rng.uniform(0.8, 1.4))
    changes = {
        "harm": float(np.exp(rng.normal(0, 0.02))),
        "slower": float(np.exp(rng.normal(0, 0.005))),
        "rate": traffic.rate * float(rng.uniform(0.6, 1.5)),
        "drift": outside,
    }
    return traffic.model_copy(update=changes)


def harmed(traffic: Traffic, rng: np.random.Generator) -> Traffic:
    """The traffic of a bad release: more errors, slower, or both; in a quarter only after a while."""
    what = rng.choice(["errors", "latency", "both"], p=[0.55, 0.3, 0.15])
    changes = {}
    if what != "latency":
        changes["harm"] = float(np.exp(rng.uniform(np.log(1.5), np.log(10))))
    if what != "errors":
        changes["slower"] = float(np.exp(rng.uniform(np.log(1.15), np.log(2.5))))
    if rng.random() < 0.25:
        changes["harm_from"] = float(rng.uniform(0.02, 0.2))
    return ordinary(traffic, rng).model_copy(update=changes)
