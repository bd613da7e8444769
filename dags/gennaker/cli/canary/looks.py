"""Stored looks: of a file, of the standard input, or of a judgment in the records."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from gennaker.cli.canary.lines import numbered_lines

if TYPE_CHECKING:
    from canary import CanaryConfig, Look


def looks_of_file(source: str) -> "Iterator[Look]":
    """The looks of a file, one JSON object a line, in order; `-` is the standard input.

    Raises CanaryError that names the file and the line.
    """
    from canary import CanaryError, Look

    is_empty = True
    for number, line in numbered_lines(source):
        is_empty = False
        try:
            yield Look.from_json(line.decode())
        except (CanaryError, UnicodeDecodeError) as error:
            why = error.why if isinstance(error, CanaryError) else "it is not UTF-8"
            mend = "one look a line, as `gennaker canary simulate` writes them"
            raise CanaryError(f"{source}:{number}: this is no look", why=why, mend=mend) from error
    if is_empty:
        raise CanaryError(f"{source} has no looks", why="it is empty", mend="give a file with one look a line")


def is_in_records(source: str) -> bool:
    """Whether this names a judgment of the records and no file."""
    return source != "-" and not Path(source).exists() and "/" not in source and not source.endswith(".jsonl")


def looks_of_judgment(judgment: str) -> "tuple[CanaryConfig | None, list[Look]]":
    """The looks of a judgment in the records, and the settings it was judged by, once it was decided.

    Raises CanaryError when there is no such judgment, RecordError when the records cannot be read.
    """
    from canary import CanaryConfig, CanaryError, Look
    from operators.records import Kind, Records

    with closing(Records.open()) as records:
        looks = [Look.from_json(json.dumps(payload)) for payload in records.looks.of(judgment)]
        if not looks:
            why = "there is no such file, and no judgment of this name in the records"
            mend = "`gennaker audit show --kind decision --json` names the judgments"
            raise CanaryError(f"no looks of {judgment!r}", why=why, mend=mend)
        decisions = records.search(kind=Kind.DECISION, newest_first=True)
    for decision in decisions:
        if decision.body.get("judgment_id") == judgment:
            return CanaryConfig.model_validate(decision.body["config"]), looks
    return None, looks
