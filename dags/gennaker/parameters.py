"""Typed values that a run, or the user of a template, is asked for."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from gennaker.errors import one_of, shown
from gennaker.fields import Frozen, unfit


class ValueType(StrEnum):
    """What a parameter of a run or a variable of a template holds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


Scalar = str | int | float | bool

_CLASSES: Final[Mapping[ValueType, tuple[tuple[type, ...], str]]] = {
    ValueType.STRING: ((str,), "text"),
    ValueType.INTEGER: ((int,), "a whole number"),
    ValueType.NUMBER: ((int, float), "a number"),
    ValueType.BOOLEAN: ((bool,), "true or false"),
}


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise unfit(f"a regular expression ({error})") from None
    return value


class Parameter(Frozen):
    """A value that a run, or the user of a template, is asked for."""

    type: ValueType = Field(default=ValueType.STRING, description="What it holds.")
    default: Scalar | None = Field(default=None, description="Its value when none is given. Default: one must be.")
    description: str = Field(default="", description="What it is for; shown in the trigger form.")
    enum: tuple[Scalar, ...] = Field(default=(), description="The only values allowed.")
    minimum: int | float | None = Field(default=None, description="Smallest number allowed.")
    maximum: int | float | None = Field(default=None, description="Largest number allowed.")
    pattern: Annotated[str, AfterValidator(_pattern)] = Field(
        default="", description="Regular expression that must be found in a text; ^ and $ stand for its ends."
    )

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        for value in (self.default, *self.enum):
            if value is not None and (expected := self.expected_instead_of(value)):
                raise unfit(f"{expected}, found {shown(value)}")
        return self

    def expected_instead_of(self, value: object) -> str:
        """What is allowed, when `value` is not; empty when it is."""
        classes, noun = _CLASSES[self.type]
        if not isinstance(value, classes) or isinstance(value, bool) is not (self.type is ValueType.BOOLEAN):
            return noun
        if self.enum and value not in self.enum:
            return one_of(str(allowed) for allowed in self.enum)
        if isinstance(value, str):
            return f"text that matches {self.pattern}" if self.pattern and not re.search(self.pattern, value) else ""
        assert isinstance(value, int | float)
        return self._expected_number(value)

    def _expected_number(self, value: float) -> str:
        if self.minimum is not None and value < self.minimum:
            return f"at least {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"at most {self.maximum}"
        return ""
