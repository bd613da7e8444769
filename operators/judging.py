"""What operators that judge new against old share: the settings that their run pinned."""

from collections.abc import Callable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from canary import CanaryConfig
from operators.change import Change
from operators.environment import Environment
from operators.errors import NoSuchVersion
from operators.hooks.mlflow import MlflowHook
from operators.learning.pinning import Pin, ProfileUse, fitted, pinned
from operators.stage import ClusterOperator


class JudgingOperator(ClusterOperator):
    """Base of the operators that judge, or begin what is judged.

    Args:
        profile: the threshold profile and what the stage lays on top, as `ProfileUse.to_json` gives it.
        image: digest of the image under judgment (a template).
    """

    template_fields: tuple[str, ...] = ("image",)

    def __init__(self, *, profile: Mapping[str, Any], image: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.profile = profile
        self.image = image

    def thresholds(self, change: Change) -> tuple[CanaryConfig, Pin]:
        """What the stage is judged by, and the pin of it; the same whenever a task of the run asks.

        Raises NoSuchVersion.
        """
        use = ProfileUse.from_json(self.profile)
        pin = pinned(use, change.subject, change.records, MlflowHook().get_conn)
        sources = Environment.from_json(self.environment).sources
        return fitted(use, pin, change.subject, change.records, sources)

    def pin(self, change: Change, give_up: Callable[[str], object]) -> None:
        """Pins the profile before anything is deployed; fails the task where its version does not exist.

        `give_up` ends the change, given the reason.
        """
        try:
            self.thresholds(change)
        except NoSuchVersion as error:
            give_up(str(error))
            raise AirflowFailException(str(error)) from error

    def facts(self, pin: Pin, policy: str) -> dict[str, str]:
        """What MLflow is told of a judgment besides its settings."""
        return {
            "definition": self.scope.definition,
            "image": self.image,
            "policy": policy,
            "profile_version": str(pin.version),
            "profile_origin": pin.origin.value,
        }
