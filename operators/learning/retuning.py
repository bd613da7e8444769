"""A retuning of one threshold profile: what it rests on, what came of it, and how a person is told."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from canary.config import CanaryConfig
from canary.learning.bounds import broken_bounds
from canary.learning.estimates import Estimate
from canary.learning.parquet_history import ParquetHistory
from canary.learning.policy import RetuningPolicy
from canary.learning.retuning import Retuning, retune
from operators.atomic_file import write_atomically
from operators.errors import ProfileError
from operators.learning.history import export_history
from operators.learning.profiles import ProfileVersion, ThresholdProfiles
from operators.records import Records

#: In a retuning's folder: what came of it, and what it rests on.
RESULT: Final = "retuning.json"
HISTORY: Final = "history"


@dataclass(frozen=True, slots=True)
class Retuned:
    """A retuning as it is kept in its folder.

    Args:
        folder: with `retuning.json` and `history`.
        profile: whose settings.
        version: of the champion that it started from.
        policy: what it was allowed.
        result: what came of it.
    """

    folder: Path
    profile: str
    version: int
    policy: RetuningPolicy
    result: Retuning

    @classmethod
    def read(cls, folder: Path) -> "Retuned":
        """The retuning kept in a folder.

        Raises:
            ProfileError: when there is none, or it cannot be read.
        """
        try:
            fields = json.loads((folder / RESULT).read_text())
            policy = RetuningPolicy.model_validate(fields["policy"])
            result = Retuning.from_json(fields["result"])
            return cls(folder, fields["profile"], fields["version"], policy, result)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"{folder} is no retuning", why=str(error), mend="retune again with `gennaker retune`"
            ) from error

    def write(self) -> None:
        """Keeps it, whole or not at all."""
        fields = {
            "profile": self.profile,
            "version": self.version,
            "policy": self.policy.model_dump(mode="json"),
            "result": self.result.to_json(),
        }
        write_atomically(self.folder / RESULT, json.dumps(fields, indent=1, sort_keys=True) + "\n")

    def provenance(self) -> dict[str, str]:
        """Where a challenger comes from: data window, canaries, seed, and the champion it replaces."""
        data = self.result.data
        return {
            "since": data.since.isoformat() if data.since else "",
            "until": data.until.isoformat() if data.until else "",
            "canaries": str(data.canaries),
            "labelled": str(data.labelled),
            "data_digest": data.digest,
            "seed": str(self.result.seed),
            "champion": str(self.version),
        }


def first_champion(profiles: ThresholdProfiles, profile: str, settings: CanaryConfig, *, who: str) -> ProfileVersion:
    """The champion of a profile; where there is none yet, the profile's file becomes it, to start from and go back to.

    Safe to repeat.
    """
    known = profiles.champion(profile)
    if known is not None:
        return known
    why = "the profile's file, before anything was learned"
    version = profiles.register(profile, settings, who=who, why=why, provenance={"origin": "file"})
    profiles.make_champion(profile, version, who=who, why=why)
    return profiles.version(profile, version)


def retuned(
    records: Records,
    champion: CanaryConfig,
    version: int,
    policy: RetuningPolicy,
    folder: Path,
    *,
    seed: int = 0,
    trials: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Retuned:
    """Retunes a champion by the canaries of the records, and keeps result and history in a folder.

    Args:
        records: with the canaries.
        champion: the settings in use; `profile` says whose canaries are read.
        version: of the champion; 0 for the profile's file.
        policy: what retuning may do.
        folder: where `retuning.json` and `history` go.
        seed: of the search.
        trials: settings to try; the policy's by default.
        on_progress: told after each, with how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export_history(records, folder / HISTORY, profile=champion.profile)
    history = ParquetHistory(folder / HISTORY)
    result = retune(champion, history, policy, seed=seed, trials=trials, on_progress=on_progress)
    kept = Retuned(folder, champion.profile, version, policy, result)
    kept.write()
    return kept


def check_bounds(
    champion: ProfileVersion, challenger: CanaryConfig, policy: RetuningPolicy, *, tuned_from: int
) -> None:
    """Refuses a challenger that was made from another champion, or is further from it than the policy allows.

    Raises:
        ProfileError: saying which.
    """
    if champion.version != tuned_from:
        raise ProfileError(
            f"the champion of '{champion.profile}' is version {champion.version} now",
            why=f"this challenger was made from version {tuned_from}, so its bounds are not those of today",
            mend="retune again",
        )
    broken = broken_bounds(champion.config, challenger, policy)
    if broken:
        raise ProfileError(
            f"the challenger of '{champion.profile}' is outside its bounds",
            why=f"{', '.join(broken)} changed by more than one retuning may",
            mend="retune again, or widen `bounds` in policies/retuning.yaml",
        )


def registered(
    profiles: ThresholdProfiles,
    retuned: Retuned,
    *,
    who: str,
    provenance: Mapping[str, str] = {},
    artifacts: Mapping[str, Path] = {},
) -> int:
    """Registers the challenger of a retuning as a version and makes it the challenger; safe to repeat.

    Args:
        profiles: where.
        retuned: the retuning; its champion becomes the first version where there is none.
        who: who registers it.
        provenance: what it rests on, besides the retuning's own.
        artifacts: files to keep with it, besides the retuning's result.

    Raises:
        ProfileError: without a challenger, or with one outside its bounds.
    """
    result = retuned.result
    if result.challenger is None:
        raise ProfileError("there is no challenger to register", why=result.why, mend="wait for more labelled canaries")
    champion = first_champion(profiles, retuned.profile, result.champion, who=who)
    check_bounds(champion, result.challenger, retuned.policy, tuned_from=retuned.version or champion.version)
    version = profiles.register(
        retuned.profile,
        result.challenger,
        who=who,
        why=result.why,
        provenance={**retuned.provenance(), **provenance},
        artifacts={RESULT: retuned.folder / RESULT, **artifacts},
    )
    profiles.make_challenger(retuned.profile, version, who=who, why=result.why)
    return version


def told(retuned: Retuned) -> str:
    """What came of a retuning, as Markdown for the person who approves."""
    result = retuned.result
    data = result.data
    lines = [
        f"**{retuned.profile}**, champion: version {retuned.version}. {result.why}",
        "",
        f"{data.labelled} of {data.canaries} canaries have a label; the figures are of the newest, held out.",
    ]
    if result.before:
        lines += ["", "| held out | champion | challenger |", "|---|---|---|"]
        before, after = result.before[""], result.after[""]
        for name, unit in _FIGURES.items():
            old, new = (_estimate(getattr(each, name), unit) for each in (before, after))
            lines.append(f"| {name.replace('_', ' ')} | {old} | {new} |")
    if result.changes:
        lines += ["", "| setting | champion | challenger |", "|---|---|---|"]
        lines += [f"| {each.setting} | {each.before:.6g} | {each.after:.6g} |" for each in result.changes]
    return "\n".join(lines)


_FIGURES: Final[Mapping[str, str]] = {"false_rollbacks": "%", "misses": "%", "undecided": "%", "hours": "h", "cost": ""}


def _estimate(figure: Estimate, unit: str) -> str:
    scale = 100 if unit == "%" else 1
    value, low, high = (f"{each * scale:.3g}" for each in (figure.value, figure.low, figure.high))
    return f"{value}{unit and ' ' + unit} ({low} to {high})"
