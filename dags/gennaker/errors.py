"""Errors of the pipelines' floor.

GennakerError
└── PipelineErrors         a pipeline, or a file it leans on, is not what it should be
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from canary.errors import GennakerError

#: How alike a name must be to be offered as the one meant (difflib's own choice): a third of it may be wrong.
LIKENESS = 0.6


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, and where.

    Args:
        place: where it is written.
        what: what was expected and what was found, in one line.
        via: where the file was asked for, when the place is not in the pipeline's own file.
    """

    place: Place
    what: str
    via: Place | None = None

    def __str__(self) -> str:
        via = f" (used at {self.via})" if self.via else ""
        return f"{self.place}: {self.what}{via}"

    def used_at(self, place: Place) -> "Problem":
        """The same problem, saying too who asked for the file it is in."""
        return self if self.via or self.place.file == place.file else replace(self, via=place)


class PipelineErrors(GennakerError):
    """All that is wrong with a pipeline, one line each, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Says that `name` is not one of the `known`, and which was probably meant."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1, cutoff=LIKENESS):
        return f"unknown {kind} {shown(name)}; did you mean '{close[0]}'?"
    if not names:
        return f"unknown {kind} {shown(name)}; there are none"
    return f"unknown {kind} {shown(name)}; expected {one_of(names)}"


def one_of(names: Iterable[str]) -> str:
    """The names as `one of a, b, c`, or the only one."""
    known = tuple(names)
    return f"one of {', '.join(known)}" if len(known) > 1 else f"'{known[0]}'"


def shown(value: object) -> str:
    """A value as an error message shows it: one short line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return f"a mapping of {len(value)} keys" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
