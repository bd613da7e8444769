"""Retuning: from the champion and what happened to its canaries, a challenger within bounds, or none and why.

result = retune(champion, history, RetuningPolicy(), seed=1)
print(result.why, result.changes)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Self

import numpy as np

from canary.config import CanaryConfig
from canary.learning.acceptance import proof_of
from canary.learning.bounds import between, settings_of, spans
from canary.learning.completion import completed
from canary.learning.courses import courses_of
from canary.learning.estimates import Estimate as Estimate
from canary.learning.estimates import Figures as Figures
from canary.learning.estimates import Outcomes, figures_of
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Batch, History, Recorded, Truth, part_of
from canary.learning.search import outcomes_under, searched

#: Canaries that are looked at together; their evidence is held in memory.
_BATCH: Final = 200
#: Good canaries that are searched, and held out, at most, and as many bad ones: the newest of each. Each costs the same
#: time, and the rates of good and of bad ones are weighted by the policy's share, not by how many there are.
_MOST: Final = 250


#: Good canaries, and bad ones, below which nothing is tried: one to search by, one to prove by.
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that a challenger changes, named as in `settings_of`; times in seconds."""

    setting: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """What a retuning rests on.

    Args:
        since: when the first canary began; None without any.
        until: when the last began; None without any.
        canaries: how many there are.
        labelled: how many of them have a truth.
        digest: SHA-256 over their ids and truths.
    """

    since: datetime | None
    until: datetime | None
    canaries: int
    labelled: int
    digest: str


@dataclass(frozen=True, slots=True)
class Retuning:
    """What came of a retuning.

    Args:
        champion: the settings in use.
        challenger: better ones; None where the champion stays.
        why: for the person who approves, in a sentence.
        before: the champion on held-out canaries, by service; `""` is all of them, pooled.
        after: the best candidate on the same ones.
        changes: what the best candidate changes.
        data: what it rests on.
        seed: the same seed, history and policy give the same.
    """

    champion: CanaryConfig
    challenger: CanaryConfig | None
    why: str
    before: Mapping[str, Figures]
    after: Mapping[str, Figures]
    changes: tuple[SettingChange, ...]
    data: HistoryWindow
    seed: int

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        data = asdict(self.data)
        data |= {name: data[name] and data[name].isoformat() for name in ("since", "until")}
        return {
            "champion": self.champion.model_dump(mode="json"),
            "challenger": None if self.challenger is None else self.challenger.model_dump(mode="json"),
            "why": self.why,
            "before": {service: each.to_json() for service, each in self.before.items()},
            "after": {service: each.to_json() for service, each in self.after.items()},
            "changes": [asdict(each) for each in self.changes],
            "data": data,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The retuning that `to_json` wrote."""
        data = dict(fields["data"])
        data |= {name: data[name] and datetime.fromisoformat(data[name]) for name in ("since", "until")}
        challenger = fields["challenger"]
        return cls(
            champion=CanaryConfig.model_validate(fields["champion"]),
            challenger=None if challenger is None else CanaryConfig.model_validate(challenger),
            why=fields["why"],
            before={service: Figures.from_json(each) for service, each in fields["before"].items()},
            after={service: Figures.from_json(each) for service, each in fields["after"].items()},
            changes=tuple(SettingChange(**each) for each in fields["changes"]),
            data=HistoryWindow(**data),
            seed=fields["seed"],
        )


def retune(
    champion: CanaryConfig,
    history: History,
    policy: RetuningPolicy,
    *,
    seed: int = 0,
    trials: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Retuning:
    """A challenger that is within the policy's bounds and no worse on canaries it was not chosen by, or none.

    The newest labelled canaries are held out, of the good and of the bad ones each; the others choose. Every canary is
    continued past its verdict (`canary/learning/completion.py`). The same arguments give the same result.

    Args:
        champion: the settings in use, of the sequential judge.
        history: recorded canaries; those without a truth are not used.
        policy: what retuning may do.
        seed: of the search, and of the intervals.
        trials: settings that shape the evidence to try; the policy's by default.
        on_progress: told after each, with how many there are.

    Raises:
        CanaryError: when the champion is not of the sequential judge, or has no guardrail that history shows.
    """
    canaries = history.canaries()
    labelled = [each for each in canaries if each.truth is not None]
    data = window_of(canaries)
    if len(labelled) < policy.min_labelled:
        why = f"Only {len(labelled)} canaries have a label, and {policy.min_labelled} are needed."
        return Retuning(champion, None, why, {}, {}, (), data, seed)
    for truth in Truth:
        if sum(each.truth is truth for each in labelled) < _LEAST:
            why = f"Fewer than {_LEAST} of {len(labelled)} labelled canaries are {truth}: what those do is not known."
            return Retuning(champion, None, why, {}, {}, (), data, seed)
    until = timedelta(seconds=spans(champion, policy)["duration"].high)
    chosen_by, proof = (_chosen(history, part, until, seed) for part in _parted(labelled, policy.held_out))
    best = searched(champion, chosen_by, policy, seed=seed, trials=trials or policy.trials, on_progress=on_progress)
    return _judged(champion, best, proof, policy, data, seed)


def _parted(labelled: Sequence[Recorded], held_out: float) -> tuple[list[Recorded], list[Recorded]]:
    """Canaries to search by, and the newest to prove by; good and bad ones in both."""
    parts: tuple[list[Recorded], list[Recorded]] = ([], [])
    for truth in Truth:
        alike = [each for each in labelled if each.truth is truth]
        border = len(alike) - max(1, round(held_out * len(alike)))
        parts[0].extend(alike[:border][-_MOST:])
        parts[1].extend(alike[border:][-_MOST:])
    return parts


def window_of(canaries: Sequence[Recorded]) -> HistoryWindow:
    """What some canaries, in the order they began, are as the ground of a retuning."""
    digest = sha256()
    for each in sorted(canaries, key=lambda each: each.id):
        digest.update(f"{each.id}\0{each.truth or ''}\n".encode())
    times = [each.at for each in canaries]
    labelled = sum(each.truth is not None for each in canaries)
    return HistoryWindow(
        min(times, default=None), max(times, default=None), len(canaries), labelled, digest.hexdigest()
    )


def _chosen(history: History, canaries: Sequence[Recorded], until: timedelta, seed: int) -> list[Batch]:
    """The looks of some canaries, continued."""
    names, found = {each.id for each in canaries}, []
    for batch in history.batches(_BATCH):
        rows = np.flatnonzero([canary.id in names for canary in batch.canaries])
        if len(rows):
            found.append(completed(part_of(batch, rows), until, seed=seed))
    return found


def _judged(
    champion: CanaryConfig,
    best: CanaryConfig,
    proof: Sequence[Batch],
    policy: RetuningPolicy,
    data: HistoryWindow,
    seed: int,
) -> Retuning:
    """The best candidate held against the champion; where it is refused, the one half of the way to it."""
    now, before = settings_of(champion), _outcomes(champion, proof, policy)
    if settings_of(best) == now:
        figures = figures_of(before, policy, seed=seed)
        why = "No settings tried cost less than the champion's."
        return Retuning(champion, None, why, figures, figures, (), data, seed)
    for candidate in (best, between(champion, best, policy)):
        after = _outcomes(candidate, proof, policy)
        said = proof_of(before, after, policy, seed=seed, candidates=2)
        if said.is_accepted:
            break
    then = settings_of(candidate)
    changes = tuple(SettingChange(name, now[name], then[name]) for name in now if now[name] != then[name])
    figures, new_figures = (figures_of(each, policy, seed=seed) for each in (before, after))
    challenger = candidate if said.is_accepted else None
    return Retuning(champion, challenger, said.why, figures, new_figures, changes, data, seed)


def _outcomes(config: CanaryConfig, batches: Sequence[Batch], policy: RetuningPolicy) -> Outcomes:
    return outcomes_under(config, [courses_of(config, batch) for batch in batches], policy)
