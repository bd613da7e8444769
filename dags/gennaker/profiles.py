"""Threshold profiles of canaries, read with those that they extend."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from pydantic import ValidationError

from canary.config import CanaryConfig
from canary.errors import CanaryError
from gennaker.errors import PipelineErrors, Problem, unknown
from gennaker.explain import explain
from gennaker.tree import Table

#: A version's number, as MLflow counts them.
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


class Profiles:
    """Profiles by `name` or `name@version`, each resolved once.

    Args:
        names: the profiles there are.
        read: gives what the file of a profile says; may raise PipelineErrors.
    """

    def __init__(self, names: Collection[str], read: Callable[[str], Table]) -> None:
        self._names, self._read = names, read
        self._resolved: dict[tuple[str, str], CanaryConfig] = {}

    def resolve(self, name: str, overrides: Mapping[str, Any]) -> CanaryConfig:
        """The settings of a profile with `overrides` on top.

        Raises PipelineErrors when a profile's file is wrong, and CanaryError when only the
        overrides are.
        """
        key = name, repr(overrides)
        if key not in self._resolved:
            profiles = self.with_extended(name)
            if overrides:
                self.resolve(name, {})
                self._resolved[key] = CanaryConfig.from_profile(name, profiles, overrides)
            else:
                self._resolved[key] = _alone(name, profiles)
        return self._resolved[key]

    def with_extended(self, name: str) -> Mapping[str, Table]:
        """A profile and those it extends, as their files say them, by name. Raises PipelineErrors."""
        profiles = {name: self._read(name)}
        tree = profiles[name]
        while (extended := tree.get("extends")) is not None:
            place = tree.value_place("extends")
            if not isinstance(extended, str) or extended not in self._names:
                raise PipelineErrors([Problem(place, unknown("profile", str(extended), self._names))])
            if extended in profiles:
                raise PipelineErrors([Problem(place, f"profiles extend each other: {' -> '.join(profiles)}")])
            tree = profiles[extended] = self._read(extended)
        return profiles


def named(text: str, names: Collection[str]) -> tuple[str, int]:
    """The profile that a stage names, and the version it wants of it; 0 for the one in use.

    A file of the very name comes first.

    >>> named("standard@7", ["standard"]), named("standard@7", ["standard", "standard@7"])
    (('standard', 7), ('standard@7', 0))
    """
    name, at, version = text.rpartition("@")
    if at and text not in names and _VERSION.fullmatch(version):
        return name, int(version)
    return text, 0


def _alone(name: str, profiles: Mapping[str, Table]) -> CanaryConfig:
    try:
        return CanaryConfig.from_profile(name, profiles)
    except CanaryError as error:
        if isinstance(error.__cause__, ValidationError):
            raise PipelineErrors(explain(error.__cause__, CanaryConfig, profiles[name])) from None
        raise PipelineErrors([Problem(profiles[name].place, str(error))]) from None
