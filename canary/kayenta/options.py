"""A metric's options: `analysisConfigurations.canary`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from canary.kayenta.compat import Compat

#: Kayenta reads whole numbers as 32-bit ones and cannot convert longer ones.
_LARGEST_INT: Final = 2**31 - 1
_LIMITS: Final = ("allowedIncrease", "allowedDecrease", "criticalIncrease", "criticalDecrease")
_MISSING: Final = object()


class Direction(StrEnum):
    """The change that is a failure."""

    INCREASE = "increase"
    DECREASE = "decrease"
    EITHER = "either"


class Measure(StrEnum):
    """How the size of an effect is measured: ratio of means, or probability that a canary's point is the larger."""

    MEAN_RATIO = "meanRatio"
    CLES = "cles"


@dataclass(frozen=True, slots=True)
class Options:
    """How one metric is judged.

    Args:
        direction: the change that is a failure.
        replaces_nan: whether NaN becomes 0 (else it is left out).
        is_critical: whether this metric alone can fail the canary.
        must_have_data: whether no data is a failure of the metric.
        is_muted: whether the metric is left out of all scoring.
        removes_outliers: whether values far outside the quartiles are dropped.
        outlier_factor: how far, in interquartile ranges; positive where outliers are removed.
        measure: how the effect is measured.
        allowed_increase: least effect that can be High.
        allowed_decrease: largest effect that can be Low.
        critical_increase: least effect of a critical High.
        critical_decrease: largest effect of a critical Low.
        own_increase: `allowed_increase` if the config sets it for a ratio of means, else None.
        own_decrease: `allowed_decrease`, likewise.
        flaw: what is wrong with the options; `""` when nothing is.
    """

    direction: Direction = Direction.EITHER
    replaces_nan: bool = False
    is_critical: bool = False
    must_have_data: bool = False
    is_muted: bool = False
    removes_outliers: bool = False
    outlier_factor: float = 3.0
    measure: Measure = Measure.MEAN_RATIO
    allowed_increase: float = 1.0
    allowed_decrease: float = 1.0
    critical_increase: float = 1.0
    critical_decrease: float = 1.0
    own_increase: float | None = None
    own_decrease: float | None = None
    flaw: str = ""


def read_options(canary: Mapping[str, Any] | None, compat: Compat) -> Options:
    """The options in a metric's `analysisConfigurations.canary`.

    One that cannot be used has its default, and `flaw` says what is wrong with it.
    """
    reader = _Reader(canary, compat)
    measure = Measure.CLES if reader.text("effectSize.measure", "meanRatio") == "cles" else Measure.MEAN_RATIO
    limit = 0.5 if measure is Measure.CLES else 1.0
    limits = {key: reader.number(f"effectSize.{key}", limit) for key in _LIMITS}
    is_ratio = measure is Measure.MEAN_RATIO
    options = Options(
        direction=_direction(reader.text("direction", "either")),
        replaces_nan=reader.text("nanStrategy", "remove") == "replace",
        is_critical=reader.boolean("critical"),
        must_have_data=reader.boolean("mustHaveData"),
        is_muted=reader.boolean("muted"),
        removes_outliers=reader.text("outliers.strategy", "keep") == "remove",
        outlier_factor=reader.number("outliers.outlierFactor", 3.0),
        measure=measure,
        own_increase=limits["allowedIncrease"] if is_ratio and reader.has("effectSize.allowedIncrease") else None,
        own_decrease=limits["allowedDecrease"] if is_ratio and reader.has("effectSize.allowedDecrease") else None,
        allowed_increase=limits["allowedIncrease"],
        allowed_decrease=limits["allowedDecrease"],
        critical_increase=limits["criticalIncrease"],
        critical_decrease=limits["criticalDecrease"],
    )
    if options.removes_outliers and not options.outlier_factor > 0:
        reader.flaws.append(f"outliers.outlierFactor is {options.outlier_factor:g}, not above 0")
    return options if not reader.flaws else replace(options, flaw="; ".join(reader.flaws))


class _Reader:
    """Looks options up by path, by Kayenta's type rules, and collects what is wrong with them."""

    def __init__(self, canary: Mapping[str, Any] | None, compat: Compat) -> None:
        self._canary = canary or {}
        self._is_exact = compat is Compat.EXACT
        self.flaws: list[str] = []

    def has(self, path: str) -> bool:
        """Whether the option is there and not null."""
        return self._found(path) not in (None, _MISSING)

    def boolean(self, path: str) -> bool:
        value = self._found(path)
        return False if value in (None, _MISSING) else self._checked(path, value, bool, False)

    def text(self, path: str, default: str) -> str:
        value = self._found(path)
        if value is None and self._is_exact:
            self.flaws.append(f"{path} is null, not text")
        return default if value in (None, _MISSING) else str(value)

    def number(self, path: str, default: float) -> float:
        value = self._found(path)
        if value is _MISSING:
            return default
        if value is None:
            return 0.0 if self._is_exact else default
        if isinstance(value, float):
            return value
        whole: int = self._checked(path, value, int, None)
        if whole is None:
            return default
        if not -_LARGEST_INT - 1 <= whole <= _LARGEST_INT:
            self.flaws.append(f"{path} is {whole}, longer than 32 bits")
        return float(whole)

    def _checked(self, path: str, value: Any, kind: type, default: Any) -> Any:
        if type(value) is kind:
            return value
        wanted = "true or false" if kind is bool else "a number"
        self.flaws.append(f"{path} is {value!r}, not {wanted}")
        return default

    def _found(self, path: str) -> Any:
        """The value at `path`; missing too when a parent is missing, null or no mapping."""
        *parents, key = path.split(".")
        node: Any = self._canary
        for parent in parents:
            node = node.get(parent)
            if not isinstance(node, Mapping):
                return _MISSING
        return node.get(key, _MISSING)


def _direction(text: str) -> Direction:
    return Direction(text) if text in tuple(Direction) else Direction.EITHER
