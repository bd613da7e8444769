"""What a check found."""

from dataclasses import asdict, dataclass
from typing import Any

from gennaker.errors import Problem


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be said of one configuration.

    Args:
        file: where it is.
        kind: what it is, in words.
        meaning: what it does, a sentence a line; empty when it is wrong.
        problems: what makes it unusable.
        warnings: what is probably not meant.
    """

    file: str
    kind: str
    meaning: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The findings as plain JSON values."""
        return asdict(self)
