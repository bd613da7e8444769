"""What a model of risk is learned from, kept in a folder that a task hands to the next and to the notebook."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from canary.errors import CanaryError
from canary.learning.labelled import LabelledRelease, read_releases, write_releases
from canary.learning.recorded import Truth
from canary.learning.risk import RiskModel, train
from canary.learning.risk_proof import RiskProof, prove
from operators.atomic_file import write_atomically
from operators.learning.release_facts import labelled_releases
from operators.learning.risk import RiskPolicy
from operators.records import Records

_RELEASES: Final = "releases.jsonl.gz"
_SETTINGS: Final = "settings.json"


@dataclass(frozen=True, slots=True)
class RiskTraining:
    """Labelled releases, and how to learn from them.

    Args:
        releases: all that were labelled at `as_of`.
        as_of: what is known later does not count (aware).
        held_out: releases of the last so long prove the model.
        policy: what is to follow from a probability.
        is_simulated: whether the releases never were.
    """

    releases: tuple[LabelledRelease, ...]
    as_of: datetime
    held_out: timedelta
    policy: RiskPolicy
    is_simulated: bool = False

    @classmethod
    def of_records(
        cls, records: Records, as_of: datetime, *, held_out: timedelta, policy: RiskPolicy, simulated: bool = False
    ) -> "RiskTraining":
        """All releases of the records, real or simulated ones."""
        return cls(tuple(labelled_releases(records, as_of, simulated=simulated)), as_of, held_out, policy, simulated)

    @classmethod
    def read(cls, folder: Path) -> "RiskTraining":
        """What `write` wrote; raises CanaryError for anything else."""
        path = folder / _SETTINGS
        try:
            told = json.loads(path.read_text())
            as_of, days = datetime.fromisoformat(told["as_of"]), float(told["held_out_days"])
            policy, is_simulated = RiskPolicy.model_validate(told["policy"]), bool(told["simulated"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise CanaryError(f"{path} cannot be read", why=str(error), mend="export the releases again") from error
        return cls(tuple(read_releases(folder / _RELEASES)), as_of, timedelta(days=days), policy, is_simulated)

    def write(self, folder: Path) -> None:
        """Keeps it in a folder; the settings last, so that a half-written folder is none."""
        write_releases(folder / _RELEASES, self.releases)
        told = {
            "as_of": self.as_of.isoformat(),
            "held_out_days": self.held_out / timedelta(days=1),
            "policy": self.policy.model_dump(mode="json"),
            "simulated": self.is_simulated,
        }
        write_atomically(folder / _SETTINGS, json.dumps(told, indent=1, sort_keys=True) + "\n")

    def proof(self) -> RiskProof:
        """How a model that was learned without the held-out releases does on them; raises CanaryError for too few."""
        return prove(self.releases, self.as_of, self.held_out)

    def model(self) -> RiskModel:
        """The model learned from all; raises CanaryError for too few."""
        return train(self.releases, as_of=self.as_of)

    def provenance(self) -> Mapping[str, str]:
        """Where a model comes from: when, how many releases, how many bad, and a digest of all of them."""
        said = [f"{each.facts.service} {each.facts.at.isoformat()} {each.truth}" for each in self.releases]
        return {
            "as_of": self.as_of.isoformat(),
            "releases": str(len(self.releases)),
            "bad": str(sum(each.truth is Truth.BAD for each in self.releases)),
            "data_digest": hashlib.sha256("\n".join(said).encode()).hexdigest(),
            "held_out_days": f"{self.held_out / timedelta(days=1):g}",
            **({"simulated": "true"} if self.is_simulated else {}),
        }
