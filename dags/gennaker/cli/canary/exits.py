"""How a command that judges ends.

0 PASS, 1 the command could not do it, 2 the command line is wrong, 3 FAIL, 4 INCONCLUSIVE, 5 ERROR. FAIL is not 2, so
that a mistyped option never reads as harm.
"""

from collections.abc import Mapping
from typing import Final

import typer

#: Exit codes by verdict; 1 and 2 are those of every command.
EXITS: Final[Mapping[str, int]] = {"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4, "ERROR": 5}


def leave(verdict: str) -> None:
    """Ends the command with the exit code of a verdict."""
    raise typer.Exit(EXITS[verdict])
