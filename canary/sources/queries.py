"""What a source is asked: a query with scope variables, for a scope, over a span of time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self, TypeVar

from pydantic import BaseModel, ValidationError

from canary.errors import CanaryError
from canary.sources.series import Fidelity

#: `${name}`, or the same with its brace escaped, as Kayenta stores it.
_VARIABLE: Final = re.compile(r"\$\\?\{\s*([^{}]*?)\s*\}")
#: What breaks a line has no place in a scope.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which side is asked for, as in Kayenta.

    Args:
        scope: the deployment, such as a server group.
        location: its region.
        parameters: extended scope parameters by name.
    """

    scope: str = ""
    location: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """What `${...}` in a template may name, with values; extended parameters do not hide scope and location."""
        return {**self.parameters, "scope": self.scope, "location": self.location}


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end`, both aware and included, at one point each `step`."""

    start: datetime
    end: datetime
    step: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise CanaryError("a span of time has no time zone", why=f"{self.start} to {self.end}", mend="give UTC")
        if self.start >= self.end:
            raise CanaryError("a span of time ends before it begins", why=str(self), mend="swap start and end")
        if self.step <= timedelta(0):
            raise CanaryError("a span of time has no step", why=f"step is {self.step}", mend="give one above 0")

    def __str__(self) -> str:
        return f"{self.start.astimezone(UTC):%Y-%m-%d %H:%M:%S} to {self.end.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    @property
    def start_s(self) -> float:
        """Its start as Unix time in seconds."""
        return self.start.timestamp()

    @property
    def end_s(self) -> float:
        """Its end as Unix time in seconds."""
        return self.end.timestamp()

    @property
    def step_s(self) -> float:
        """Its step in seconds."""
        return self.step.total_seconds()

    def parts(self, points: int) -> list["Span"]:
        """The span in parts of at most `points` steps each, in order; neighbours share their border."""
        length = self.step * points
        cuts = [self.start]
        while cuts[-1] + length < self.end:
            cuts.append(cuts[-1] + length)
        return [replace(self, start=low, end=high) for low, high in zip(cuts, [*cuts[1:], self.end], strict=True)]


@dataclass(frozen=True, slots=True)
class Query:
    """A query of one metric, in the language of its source.

    Args:
        text: the query or a part of it, a template; what exactly is up to the source.
        options: what else the source needs by name, each value a template too.
        fidelity: what its values are, where only the writer of the query can know; None leaves it to the source.
    """

    text: str = ""
    options: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    fidelity: Fidelity | None = None

    def filled(self, scope: Scope, extra: Mapping[str, str] | None = None) -> Self:
        """The query with every variable replaced.

        Args:
            scope: what `${scope}`, `${location}` and the extended parameters stand for.
            extra: variables that the source adds, such as a time filter.

        Raises:
            CanaryError: when a template names a variable that is not known.
        """
        variables = {**scope.variables, **(extra or {})}
        options = {
            name: tuple(fill(each, variables) for each in value) if isinstance(value, tuple) else fill(value, variables)
            for name, value in self.options.items()
        }
        return replace(self, text=fill(self.text, variables), options=options)

    def options_as(self, model: type[_Model]) -> _Model:
        """The options as the source's own model.

        Raises:
            CanaryError: when they do not fit it.
        """
        return validated(model, self.options, "options of a query")

    @classmethod
    def of(cls, value: str | Mapping[str, object], templates: Mapping[str, str] | None = None) -> "Query":
        """The query that a configuration writes: a text, or a mapping.

        In a mapping `text` or Kayenta's `customInlineTemplate` is the text, `customFilterTemplate` names one of
        `templates`, `fidelity` says what the values are, and everything else is an option; `type` and `serviceType`
        are left out.

        Raises:
            CanaryError: when a template or a fidelity is not known, or a value is no text.
        """
        if isinstance(value, str):
            return cls(value)
        fields = {name: each for name, each in value.items() if name not in _NOT_OPTIONS and each is not None}
        text = _text_of(value, templates or {})
        fidelity = value.get("fidelity")
        if fidelity is not None and fidelity not in list(Fidelity):
            known = ", ".join(Fidelity)
            raise CanaryError(f"no fidelity {fidelity!r}", why=f"known are {known}", mend="use one of these")
        options = {name: _templates_in(name, each) for name, each in fields.items()}
        return cls(text, options, Fidelity(fidelity) if isinstance(fidelity, str) else None)


_INLINE: Final = "customInlineTemplate"
_NAMED: Final = "customFilterTemplate"
_FORMER: Final = "customFilter"
_NOT_OPTIONS: Final = frozenset({"text", "fidelity", "type", "serviceType", _INLINE, _NAMED, _FORMER})


def _text_of(fields: Mapping[str, object], templates: Mapping[str, str]) -> str:
    if fields.get(_FORMER):
        mend = f"write it as {_INLINE}"
        raise CanaryError(f"{_FORMER} is not supported", why="Kayenta gave it up for templates", mend=mend)
    inline = fields.get("text") or fields.get(_INLINE)
    if inline:
        return str(inline)
    name = fields.get(_NAMED)
    if not name:
        return ""
    if name not in templates:
        known = ", ".join(sorted(templates)) or "none"
        raise CanaryError(f"no query template {name!r}", why=f"known are {known}", mend="use one of these or add it")
    return templates[str(name)]


def _templates_in(name: str, value: object) -> str | tuple[str, ...]:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return str(value).lower() if isinstance(value, bool) else str(value)
        case list() | tuple() if all(isinstance(each, str) for each in value):
            return tuple(value)
        case _:
            raise CanaryError(f"option {name!r} of a query is {value!r}", why="expected text, or a list of texts")


def fill(template: str, variables: Mapping[str, str]) -> str:
    r"""The template with each `${name}` replaced; `$\{name}`, as Kayenta stores it, is the same.

    Raises:
        CanaryError: when a variable is not known, or its value has control characters.

    >>> fill("errors{group=\"${scope}\"}", {"scope": "playback-v012"})
    'errors{group="playback-v012"}'
    """

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            known = ", ".join(sorted(variables))
            raise CanaryError(
                f"a query names ${{{name}}}, which is not known",
                why=f"known are {known}",
                mend="use one of these, or add an extended scope parameter",
            )
        if _CONTROL.search(variables[name]):
            raise CanaryError(f"the scope variable {name!r} has control characters", mend="remove them")
        return variables[name]

    return _VARIABLE.sub(value_of, template)


def validated(model: type[_Model], fields: Mapping[str, object], what: str) -> _Model:
    """The fields as a model.

    Args:
        model: the form.
        fields: its values by name.
        what: what they are, for the error.

    Raises:
        CanaryError: when they do not fit; names each flaw, and no value.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        flaws = [f"{'.'.join(map(str, flaw['loc'])) or 'all'}: {flaw['msg']}" for flaw in error.errors()]
        known = ", ".join(sorted(each.alias or name for name, each in model.model_fields.items()))
        raise CanaryError(f"{what} not valid", why="; ".join(flaws), mend=f"known are {known}") from error
