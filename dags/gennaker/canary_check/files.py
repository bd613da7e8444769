"""Configurations in files that lie anywhere."""

import json
from pathlib import Path
from typing import Any

from canary.config import CanaryConfig
from gennaker.errors import PipelineErrors, Place, Problem, shown
from gennaker.parse import parse, parse_file
from gennaker.profiles import Profiles
from gennaker.tree import Items, Table


def profile_in(file: Path, dags: Path) -> CanaryConfig:
    """The settings of a threshold profile's file; what it extends lies beside it, or below `dags`.

    Raises PipelineErrors.
    """
    files = {path.stem: path for folder in (dags / "canaries", file.parent) for path in folder.glob("*.yaml")}
    files[file.stem] = file
    return Profiles(sorted(files), lambda name: parse_file(files[name])).resolve(file.stem, {})


def json_file(path: Path) -> tuple[bytes, Table]:
    """The text of a JSON file, and its mapping with the places of what it says.

    Raises PipelineErrors with one problem.
    """
    file = str(path)
    try:
        text = path.read_bytes()
        value = json.loads(text)
    except OSError as error:
        raise _error(Place(file), f"cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise _error(Place(file, error.lineno, error.colno), what) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _error(Place(file), f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _error(Place(file), f"expected an object, found {shown(value)}")
    try:
        return text, parse(text, file)
    except PipelineErrors:  # JSON that YAML reads otherwise, such as tabs: every place is then the file's first line
        return text, _table(value, file)


def _table(value: dict[str, Any], file: str) -> Table:
    table = Table(file, (0, 0))
    for key, each in value.items():
        table.put(key, _without_places(each, file), (0, 0), (0, 0))
    return table


def _without_places(value: Any, file: str) -> Any:
    if isinstance(value, dict):
        return _table(value, file)
    if isinstance(value, list):
        items = Items(file, (0, 0))
        for each in value:
            items.add(_without_places(each, file), Place(file))
        return items
    return value


def _error(place: Place, what: str) -> PipelineErrors:
    return PipelineErrors([Problem(place, what)])
