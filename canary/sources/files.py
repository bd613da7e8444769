"""Files with one point a row: CSV, Parquet, JSON and JSON Lines."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.queries import Query, Scope, Span
from canary.sources.rows import READERS, rows_of
from canary.sources.series import Fidelity, Series
from canary.sources.settings import Settings

#: A point that passed, its labels in order of their names.
Point = tuple[tuple[tuple[str, str], ...], float, float]

#: Above this a number is a time in milliseconds (as seconds it would be the year 5138).
_MILLISECONDS_FROM: Final = 1e11
_LABEL: Final = re.compile(r'([\w.:/-]+)\s*=\s*"([^"]*)"')


class FilesSettings(Settings):
    """Settings of the source `files`."""

    path: Path = Field(description="The file, or a folder of files that are read in order of their names.")
    time: str = Field(default="time", description="Column of the time: ISO 8601, or Unix time in seconds or ms.")
    value: str = Field(default="value", description="Column of the value.")
    fidelity: Fidelity = Field(default=Fidelity.GAUGE, description="What the values are, unless a query says it.")


class Files:
    """Reads points from files, row by row, so that a file may be larger than memory.

    A row has a time, a value, and any further columns as labels (or, in JSON, an object `tags`). An empty value and the
    texts `NaN` and `null` are holes. A query names the labels that are wanted: as options, `{"group": "${scope}"}`, or
    as text, `group="${scope}"`; without any, every row is taken.

    Args:
        settings: which files, and what their columns are.
    """

    Settings = FilesSettings

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The rows whose labels are those of the query, as series; see `canary.sources.Source`."""
        filled = query.filled(scope)
        wanted = _wanted(filled)
        asked = ", ".join(f'{name}="{value}"' for name, value in sorted(wanted.items())) or "every row"
        fidelity = query.fidelity or self._settings.fidelity

        def read() -> Reading:
            return self._read(wanted, span, fidelity)

        return answered(f"{asked} in {self._settings.path}", read, span, self._settings.late_after)

    def _read(self, wanted: Mapping[str, str], span: Span, fidelity: Fidelity) -> Reading:
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        for path in _files_at(self._settings.path):
            for tags, time_s, value in self._points(path, wanted):
                series = points.setdefault(tags, [])
                if span.start_s <= time_s <= span.end_s:
                    series.append((time_s, value))
        return Reading([Series.of(each, fidelity, dict(tags)) for tags, each in points.items()])

    def _points(self, path: Path, wanted: Mapping[str, str]) -> Iterator[Point]:
        time, value = self._settings.time, self._settings.value
        for place, row in rows_of(path):
            if time not in row or value not in row:
                missing = ", ".join(repr(name) for name in (time, value) if name not in row)
                raise SourceError(
                    Outcome.MALFORMED, f"{place}: no column {missing}; there are {', '.join(map(str, row))}"
                )
            tags = _tags_of(place, row, {time, value})
            if all(tags.get(name) == text for name, text in wanted.items()):
                yield tuple(sorted(tags.items())), _time_of(place, row[time]), _value_of(place, row[value])


def _wanted(query: Query) -> dict[str, str]:
    if lists := [name for name, value in query.options.items() if not isinstance(value, str)]:
        raise CanaryError(f"label {lists[0]!r} of a query of files is a list", mend="give one text")
    wanted = {name: str(value) for name, value in query.options.items()}
    text = query.text.strip().removeprefix("{").removesuffix("}")
    if _LABEL.sub("", text).strip(", "):
        raise CanaryError(f"a query of files is {text!r}", why='expected name="value", ...', mend="write it so")
    return wanted | {name: value for name, value in _LABEL.findall(text)}


def _files_at(path: Path) -> list[Path]:
    try:
        files = sorted(each for each in path.iterdir() if each.suffix in READERS) if path.is_dir() else [path]
    except OSError as error:
        raise SourceError(Outcome.UNREACHABLE, f"{path}: {error.strerror}") from error
    if not files:
        raise SourceError(Outcome.UNREACHABLE, f"{path}: no file here ends with one of {', '.join(READERS)}")
    return files


def _tags_of(place: str, row: Mapping[str, Any], used: Iterable[str]) -> dict[str, str]:
    tags = {str(name): value for name, value in row.items() if name not in used and name != "tags"}
    nested = row.get("tags") or {}
    if isinstance(nested, str):
        nested = {"tags": nested}
    elif isinstance(nested, list):
        # Parquet gives a map as a list of pairs.
        nested = dict(nested)
    if not isinstance(nested, Mapping):
        raise SourceError(Outcome.MALFORMED, f"{place}: tags are {nested!r}, not an object")
    return {name: str(value) for name, value in {**tags, **nested}.items() if value not in (None, "")}


def _time_of(place: str, value: object) -> float:
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        case bool() | None:
            pass
        case int() | float() if math.isfinite(value):
            return value / 1000 if abs(value) > _MILLISECONDS_FROM else float(value)
        case str():
            try:
                return _time_of(place, float(value) if _is_number(value) else datetime.fromisoformat(value.strip()))
            except ValueError:
                pass
    raise SourceError(Outcome.MALFORMED, f"{place}: time is {value!r}, not ISO 8601 and not a Unix time")


def _value_of(place: str, value: object) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "null")):
        return math.nan
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise SourceError(Outcome.MALFORMED, f"{place}: value is {value!r}, not a number")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
