"""What a release's risk does to its canary: it makes it longer, or has a person asked; never shorter, never looser."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canary.config import CanaryConfig
from canary.errors import CanaryError
from canary.learning.risk import RiskModel

#: No canary is made longer than this.
LONGEST: Final = timedelta(days=30)


class RiskPolicy(BaseModel):
    """From which probability of a bad release on something is done, and what; it is a part of the model's version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longer_from: float = Field(default=0.15, ge=0, le=1, description="From here on the canary is longer.")
    ask_from: float = Field(default=0.4, ge=0, le=1, description="From here on a person is asked, too.")
    factor: float = Field(default=2.0, ge=1, le=10, description="So many times as long.")


class Action(StrEnum):
    """What is done about a risk; each does what the one before it does."""

    NONE = "none"
    LONGER = "longer"
    JUDGMENT = "judgment"


@dataclass(frozen=True, slots=True)
class ServedRisk:
    """A version of the model with its policy, as it is served.

    Args:
        version: in the registry, from 1.
        model: what gives probabilities.
        policy: what follows from them.
    """

    version: int
    model: RiskModel
    policy: RiskPolicy

    def to_json(self) -> dict[str, Any]:
        """Model and policy, as plain JSON; the version is the registry's."""
        return {"model": self.model.to_json(), "policy": self.policy.model_dump(mode="json")}

    @classmethod
    def from_json(cls, version: int, told: Mapping[str, Any]) -> Self:
        """What `to_json` wrote; raises CanaryError for anything that is none."""
        try:
            return cls(version, RiskModel.from_json(told["model"]), RiskPolicy.model_validate(told["policy"]))
        except (KeyError, TypeError, ValidationError) as error:
            what = f"version {version} of the model of risk cannot be used"
            raise CanaryError(what, why=str(error), mend="make another version the champion") from error


def action_for(probability: float | None, policy: RiskPolicy) -> Action:
    """What is done at this probability; nothing where none is known."""
    if probability is None or not probability >= min(policy.longer_from, policy.ask_from):
        return Action.NONE
    return Action.JUDGMENT if probability >= policy.ask_from else Action.LONGER


def cautious(config: CanaryConfig, probability: float | None, policy: RiskPolicy) -> CanaryConfig:
    """The same settings, with more time where the release is risky: none is shorter, and nothing else changes.

    >>> config = CanaryConfig(min_duration=timedelta(minutes=5), duration=timedelta(minutes=30))
    >>> longer = cautious(config, 0.2, RiskPolicy())
    >>> str(longer.min_duration), str(longer.duration)
    ('0:10:00', '1:00:00')
    """
    if action_for(probability, policy) is Action.NONE:
        return config
    factor = max(1.0, min(policy.factor, LONGEST / config.duration))
    longer = {"min_duration": config.min_duration * factor, "duration": config.duration * factor}
    return config.model_copy(update=longer) if factor > 1 else config
