"""What the judge is asked: a config, thresholds, and the series of both sides."""

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from pydantic import BaseModel, ValidationError

from canary.errors import CanaryError
from canary.kayenta.config import KayentaConfig, KayentaThresholds
from canary.kayenta.groups import Floats
from canary.kayenta.numbers import number_of

_MEND: Final = "give {config, thresholds, metricSetPairs} as Kayenta's remote-judge protocol does"


@dataclass(frozen=True, slots=True)
class MetricSetPair:
    """The series of one metric, or of one of its tag sets.

    Args:
        name: name of the metric in the config.
        control: the baseline's values in order of time `(m,)`; NaN where there is none.
        experiment: the canary's values `(n,)`.
        id: the pair's own name, given back with its result; None where it has none.
        tags: the tag set that the two series share.
        control_nulls: which entries of `control` were null or empty text in JSON (NaN in `control`).
        experiment_nulls: the same for `experiment`.
    """

    name: str
    control: Floats
    experiment: Floats
    id: str | None = None
    tags: dict[str, Any] | None = None
    control_nulls: tuple[int, ...] = ()
    experiment_nulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KayentaRequest:
    """One question to the judge."""

    config: KayentaConfig
    thresholds: KayentaThresholds
    pairs: tuple[MetricSetPair, ...]

    @classmethod
    def from_json(cls, text: str | bytes) -> "KayentaRequest":
        """The request that a JSON text holds, with Kayenta's own names or the short ones.

        Raises:
            CanaryError: when Kayenta, too, would refuse it, or when a number does not fit a double.
        """
        try:
            wire = _WIRE.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise _refused(str(error)) from error
        config = _only("config", wire.config, "canaryConfig", wire.canary_config)
        thresholds = _only("thresholds", wire.thresholds, "scoreThresholds", wire.score_thresholds)
        pairs = _only("metricSetPairs", wire.pairs, "metricSetPairList", wire.pair_list)
        return cls(_config(bytes(config)), _thresholds(bytes(thresholds)), tuple(map(_pair, pairs)))


_NULL: Final = msgspec.Raw(b"null")


class _Pair(msgspec.Struct):
    """A metric set pair on the wire; scopes and attributes are not read."""

    name: str
    values: dict[str, list[float | str | None] | None] | None = None
    id: str | None = None
    tags: dict[str, Any] | None = None


class _Wire(msgspec.Struct):
    """A request on the wire: Kayenta's own names, and the short ones."""

    config: msgspec.Raw = _NULL
    canary_config: msgspec.Raw = msgspec.field(name="canaryConfig", default=_NULL)
    thresholds: msgspec.Raw = _NULL
    score_thresholds: msgspec.Raw = msgspec.field(name="scoreThresholds", default=_NULL)
    pairs: list[_Pair] | None = msgspec.field(name="metricSetPairs", default=None)
    pair_list: list[_Pair] | None = msgspec.field(name="metricSetPairList", default=None)


_WIRE: Final = msgspec.json.Decoder(_Wire)

_Part = TypeVar("_Part")


def _only(name: str, part: _Part | None, other_name: str, other: _Part | None) -> _Part:
    """The one of two names that is there and not null."""
    found = [each for each in (part, other) if each is not None and each != _NULL]
    if len(found) > 1:
        raise _refused(f"it has both {name} and {other_name}")
    if not found:
        raise _refused(f"{name} is missing or null")
    return found[0]


@lru_cache(maxsize=64)
def _config(text: bytes) -> KayentaConfig:
    """The config; requests mostly come with the same one again."""
    return _validated(KayentaConfig, "config", text)


@lru_cache(maxsize=64)
def _thresholds(text: bytes) -> KayentaThresholds:
    return _validated(KayentaThresholds, "thresholds", text)


_Model = TypeVar("_Model", bound=BaseModel)


def _validated(model: type[_Model], part: str, text: bytes) -> _Model:
    try:
        return model.model_validate(msgspec.json.decode(text))
    except ValidationError as error:
        flaws = (f"{'.'.join((part, *map(str, flaw['loc'])))}: {flaw['msg']}" for flaw in error.errors())
        raise _refused("; ".join(flaws)) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _refused(f"{part}: {error}") from error


def _pair(wire: _Pair) -> MetricSetPair:
    values = wire.values or {}
    control, experiment = values.get("control"), values.get("experiment")
    if control is None or experiment is None:
        side = "control" if control is None else "experiment"
        raise _refused(f"metric set pair {wire.name!r} has no values.{side}")
    try:
        (baseline, baseline_nulls), (canary, canary_nulls) = _series(control), _series(experiment)
    except ValueError as error:
        raise _refused(f"metric set pair {wire.name!r}: {error}") from error
    return MetricSetPair(wire.name, baseline, canary, wire.id, wire.tags, baseline_nulls, canary_nulls)


def _series(values: list[float | str | None]) -> tuple[Floats, tuple[int, ...]]:
    try:
        return np.frombuffer(array("d", values)), ()  # type: ignore[type-var]  # text and null are refused
    except TypeError:
        nulls = tuple(at for at, value in enumerate(values) if value is None or value == "")
        numbers = np.array([number_of(value) for value in values])
        numbers[list(nulls)] = np.nan
        return numbers, nulls


def _refused(why: str) -> CanaryError:
    return CanaryError("a request to the Kayenta judge cannot be read", why=why, mend=_MEND)
