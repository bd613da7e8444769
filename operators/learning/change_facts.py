"""What a release changes: its image against the one that its service ran before."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from canary.errors import GennakerError
from canary.learning.facts import ChangeFacts, ChangeKind
from operators.change import ChangeState
from operators.home import home
from operators.images import describe, difference
from operators.records import Json, Kind, Records, Subject, chain
from operators.records.records import utc_now

log = logging.getLogger(__name__)

#: Files that say what else is installed.
_DEPENDENCIES: Final = re.compile(
    r"requirements[\w.-]*\.(txt|in)|constraints[\w.-]*\.txt|[\w.-]*\.lock|package(-lock)?\.json|go\.(mod|sum)"
    r"|pom\.xml|build\.gradle(\.kts)?|Gemfile|Cargo\.toml"
)
#: Files that set what code does; a version alone does nothing.
_CONFIGURATION: Final = re.compile(
    r".*\.(ya?ml|json|toml|ini|cfg|conf|env|properties|xml)|Procfile|VERSION|\.env", re.IGNORECASE
)
_PYPROJECT: Final = "pyproject.toml"
#: The name at the beginning of a requirement (PEP 508), and what separates its words (PEP 503).
_NAME, _SEPARATORS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"), re.compile(r"[-_.]+")
#: Changes of a service's clusters that are gone through, newest first, for the image before.
_MOST_CHANGES: Final = 500


def record_change(
    records: Records, subject: Subject, image: Mapping[str, Json], clock: Callable[[], datetime] = utc_now
) -> None:
    """Writes what the stage's new image changes, once; a change that cannot be told is told as unknown.

    Two at once write one record. A release never fails by it, short of what fails its records.
    """
    if records.search(kind=Kind.CHANGE, run=subject.run, stage=subject.stage, limit=1):
        return
    digest, previous = str(image["digest"]), _previous(records, subject, str(image["name"]))
    change = change_of(home() / "images", previous, digest)
    body: dict[str, Json] = {"image": digest, "previous": previous or "", **asdict(change), "kind": change.kind.value}
    with records.database.write() as connection:
        wanted = {"kind": Kind.CHANGE.value, "run": subject.run, "stage": subject.stage}
        if not chain.search(connection, wanted, limit=1):
            chain.append(connection, clock(), Kind.CHANGE, subject, body)


def change_of(store: Path, previous: str | None, image: str) -> ChangeFacts:
    """What `image` changes of the image `previous`; None where the service ran none.

    Where one of them is gone or damaged, the change is unknown: then it has no size.
    """
    try:
        differs = difference(store, previous, image)
        now = describe(store, image).dependencies
        then = describe(store, previous).dependencies if previous else ()
    except (GennakerError, OSError) as error:
        log.warning("change_unknown image=%s why=%s", image, error)
        return ChangeFacts(ChangeKind.UNKNOWN, 0, 0, 0, previous is None)
    dependencies = dependencies_changed(then, now)
    kind = kind_of(differs.paths, has_dependencies=dependencies > 0)
    return ChangeFacts(kind, len(differs.paths), differs.bytes, dependencies, previous is None)


def change_in(records: Iterable[Mapping[str, Any]]) -> ChangeFacts:
    """The change that the bodies of a run's records of kind `change` tell of, all its images together."""
    told = [
        ChangeFacts(
            ChangeKind(body["kind"]),
            int(body["files_changed"]),
            int(body["bytes_changed"]),
            int(body["dependencies_changed"]),
            bool(body["is_first"]),
        )
        for body in records
    ]
    kinds = {change.kind for change in told} or {ChangeKind.UNKNOWN}
    return ChangeFacts(
        kind=kinds.pop() if len(kinds) == 1 else ChangeKind.MIXED,
        files_changed=sum(change.files_changed for change in told),
        bytes_changed=sum(change.bytes_changed for change in told),
        dependencies_changed=sum(change.dependencies_changed for change in told),
        is_first=any(change.is_first for change in told),
    )


def kind_of(paths: Sequence[str], *, has_dependencies: bool) -> ChangeKind:
    """The kind of change that these files make; nothing changed is configuration, as no code is.

    >>> kind_of(["server.py", "VERSION"], has_dependencies=False).value
    'code'
    >>> kind_of(["server.py", "requirements.txt"], has_dependencies=True).value
    'mixed'
    """
    kinds = {_kind(PurePosixPath(path).name, has_dependencies) for path in paths}
    if kinds > {ChangeKind.CONFIGURATION} and _changes_only_version(paths):
        kinds.discard(ChangeKind.CONFIGURATION)
    if not kinds:
        return ChangeKind.CONFIGURATION
    return kinds.pop() if len(kinds) == 1 else ChangeKind.MIXED


def dependencies_changed(before: Iterable[str], after: Iterable[str]) -> int:
    """How many packages were added, removed, or are required otherwise than before.

    >>> dependencies_changed(["flask==3.0", "numpy"], ["Flask==3.1", "numpy", "httpx>=0.27"])
    2
    """
    then, now = _by_name(before), _by_name(after)
    return sum(then.get(name) != now.get(name) for name in then.keys() | now.keys())


def _kind(name: str, has_dependencies: bool) -> ChangeKind:
    if _DEPENDENCIES.fullmatch(name) or (name == _PYPROJECT and has_dependencies):
        return ChangeKind.DEPENDENCIES
    return ChangeKind.CONFIGURATION if _CONFIGURATION.fullmatch(name) else ChangeKind.CODE


def _changes_only_version(paths: Sequence[str]) -> bool:
    """Whether a new version is all the configuration there is: every release has one."""
    return all(
        _kind(PurePosixPath(path).name, False) is not ChangeKind.CONFIGURATION or path == "VERSION" for path in paths
    )


def _by_name(requirements: Iterable[str]) -> dict[str, frozenset[str]]:
    """What each package is required as; the same name in any spelling is one package."""
    found: dict[str, set[str]] = {}
    for requirement in requirements:
        name = match.group() if (match := _NAME.match(requirement)) else requirement
        rest = "".join(requirement.removeprefix(name).split())
        found.setdefault(_SEPARATORS.sub("-", name).lower(), set()).add(rest)
    return {name: frozenset(rests) for name, rests in found.items()}


def _previous(records: Records, subject: Subject, name: str) -> str | None:
    """The image of that name which the service's last promoted run delivered."""
    seen = {subject.run}
    newest = records.search(kind=Kind.DEPLOYMENT, service=subject.service, newest_first=True, limit=_MOST_CHANGES)
    for record in newest:
        run = record.subject.run
        if record.body.get("state") != ChangeState.PROMOTED.value or record.body.get("simulated") or run in seen:
            continue
        seen.add(run)
        for baked in records.search(kind=Kind.IMAGE, run=run):
            if baked.body.get("name") == name:
                return str(baked.body["digest"])
    return None
