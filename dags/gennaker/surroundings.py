"""What a pipeline may name that is not in its own file."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from canary.config import CanaryConfig
from gennaker.model import Environment, Policies


class Surroundings(Protocol):
    """Environments, threshold profiles, execution windows and freezes."""

    @property
    def policies(self) -> Policies:
        """Execution windows and freezes. Raises PipelineErrors when their file is wrong."""

    def environment_names(self) -> Collection[str]:
        """Environments there are."""

    def environment(self, name: str) -> Environment:
        """One environment. Raises PipelineErrors when its file is wrong."""

    def profile_names(self) -> Collection[str]:
        """Threshold profiles there are."""

    def canary(self, profile: str, overrides: Mapping[str, Any]) -> CanaryConfig:
        """A threshold profile with overrides on top.

        Raises PipelineErrors when a profile's file is wrong, CanaryError when the overrides are.
        """
