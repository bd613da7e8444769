"""The kinds of values that pipelines are written in: names, durations, percents, instants."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from canary.durations import format_duration, parse_duration

#: A longer wait is a slip of the unit.
_LONGEST: Final = timedelta(days=366)
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Airflow keeps 250 characters for an id and a stage's tasks add their own names to it.
_LONGEST_NAME: Final = 60


class Frozen(BaseModel):
    """A value read from YAML or JSON: unknown keys are errors, and it never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def unfit(expected: str) -> PydanticCustomError:
    """The error of a value that is not what was `expected`."""
    return PydanticCustomError("unfit", "{expected}", {"expected": expected})


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = parse_duration(value)
        except ValueError:
            value = None
    if not isinstance(value, timedelta):
        raise unfit("a duration such as 30s, 5m, 1h30m or 2d")
    if not timedelta() < value <= _LONGEST:
        raise unfit("a duration above nothing and of at most a year")
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value)):
        value = int(found.group(1))
    if type(value) is not int or not 1 <= value <= 100:
        raise unfit("a whole percent from 1% to 100%")
    return value


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value) or len(value) > _LONGEST_NAME:
            raise unfit(f"{expected}, at most {_LONGEST_NAME} characters")
        return value

    return check


def is_name(value: object) -> bool:
    """Whether a value can name a stage."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and bool(_NAME.fullmatch(value))


def file_keys(model: type[BaseModel]) -> list[str]:
    """The keys by which a file sets the fields of a model: those that have a description.

    A field without one is filled in when a pipeline is resolved.
    """
    return [field.alias or name for name, field in model.model_fields.items() if field.description]


#: "30s", "5m", "1h30m", "2d".
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]+[dhms])+$", "examples": ["30s", "5m", "1h30m"]}),
]
#: "5%" or 5; kept as a whole number from 1 to 100.
Percent = Annotated[
    int,
    BeforeValidator(_percent),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_PERCENT.pattern}$"},
                {"type": "integer", "minimum": 1, "maximum": 100},
            ],
            "examples": ["5%"],
        }
    ),
]
_a_name: Final = _matching(_NAME, "a name of lower-case letters, digits and hyphens")

#: A name of something: lower case, digits and hyphens.
Name = Annotated[
    str,
    AfterValidator(_a_name),
    Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$", "maxLength": _LONGEST_NAME}),
]
#: A name, or nothing.
MaybeName = Annotated[str, AfterValidator(lambda value: value and _a_name(value))]
#: A name that expressions use, so without hyphens.
Word = Annotated[
    str,
    AfterValidator(_matching(_WORD, "a name of letters, digits and underscores")),
    Field(json_schema_extra={"pattern": f"^{_WORD.pattern}$", "maxLength": _LONGEST_NAME}),
]
Text = Annotated[str, Field(min_length=1)]
#: A whole number that says how many, at least one.
Count = Annotated[int, Field(strict=True, ge=1)]
