"""What a change of the YAML does to every pipeline, before it lands."""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from canary.errors import GennakerError
from gennaker.errors import PipelineErrors
from gennaker.model import Pipeline
from gennaker.read import Library


class PlanError(GennakerError):
    """What to compare with could not be found."""


class Touch(StrEnum):
    """How a pipeline is touched."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting, before and after; None where it is not there."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class PipelineChange:
    """What happens to one pipeline.

    Args:
        pipeline: its name.
        touch: how it is touched.
        causes: files whose change touches it, below the DAG folder.
        stages_added: names of new stages.
        stages_removed: names of stages that are gone.
        settings: settings that differ; those of a stage begin with its name.
        errors: why it does not check any more, when it is broken.
    """

    pipeline: str
    touch: Touch
    causes: tuple[str, ...] = ()
    stages_added: tuple[str, ...] = ()
    stages_removed: tuple[str, ...] = ()
    settings: tuple[SettingChange, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to all pipelines.

    Args:
        pipelines: those that are touched, by name.
        policies: windows and freezes that differ.
        total: how many pipelines there are afterwards.
    """

    pipelines: tuple[PipelineChange, ...] = ()
    policies: tuple[SettingChange, ...] = ()
    total: int = field(default=0)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(before: Library, after: Library) -> Plan:
    """What happens to every pipeline when `before` becomes `after`."""
    names = sorted({*before.pipelines(), *after.pipelines()})
    changes = (_change(name, before, after) for name in names)
    return Plan(
        pipelines=tuple(change for change in changes if change),
        policies=tuple(_differences(_policies(before), _policies(after))),
        total=len(after.pipelines()),
    )


def check_out(folder: Path, revision: str, into: Path) -> Library:
    """The library as it was at a git `revision`, its YAML files copied below `into`.

    Raises PlanError when there is no such revision or folder.
    """
    command = ["git", "-C", str(folder), "archive", "--format=tar", revision, "."]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()
        raise PlanError(f"{folder} cannot be read at {revision!r}", why=why, mend="name a commit, branch or folder")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        members = [member for member in tar.getmembers() if member.isdir() or member.name.endswith(".yaml")]
        tar.extractall(into, members=members, filter="data")
    return Library(into)


def _change(name: str, before: Library, after: Library) -> PipelineChange | None:
    old = _resolved(before, name) if name in before.pipelines() else None
    new = _resolved(after, name) if name in after.pipelines() else None
    match old, new:
        case _, PipelineErrors():
            same = isinstance(old, PipelineErrors) and _lines(old) == _lines(new)
            return None if same else PipelineChange(name, Touch.BROKEN, errors=_lines(new))
        case _, None:
            return PipelineChange(name, Touch.REMOVED)
        case ((None | PipelineErrors()), Pipeline()):
            added = tuple(stage.name for stage in new.stages)
            return PipelineChange(name, Touch.ADDED, (new.file,), stages_added=added)
        case Pipeline(), Pipeline() if old.definition_digest != new.definition_digest:
            return _changed(old, new, _causes(old, new, before, after))
    return None


def _changed(old: Pipeline, new: Pipeline, causes: tuple[str, ...]) -> PipelineChange:
    stages_before, stages_after = _stages(old), _stages(new)
    both = [name for name in stages_after if name in stages_before]
    settings = [*_differences(_top(old), _top(new))]
    for name in both:
        settings.extend(_differences({name: stages_before[name]}, {name: stages_after[name]}))
    return PipelineChange(
        new.pipeline,
        Touch.CHANGED,
        causes,
        stages_added=tuple(name for name in stages_after if name not in stages_before),
        stages_removed=tuple(name for name in stages_before if name not in stages_after),
        settings=tuple(settings),
    )


def _causes(old: Pipeline, new: Pipeline, before: Library, after: Library) -> tuple[str, ...]:
    files = dict.fromkeys([*after.files_of(new), *before.files_of(old)])
    return tuple(file for file in files if _bytes(before.folder / file) != _bytes(after.folder / file))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _resolved(library: Library, name: str) -> Pipeline | PipelineErrors:
    try:
        return library.resolve(name)
    except PipelineErrors as errors:
        return errors


def _lines(errors: PipelineErrors) -> tuple[str, ...]:
    return tuple(str(problem) for problem in errors.problems)


def _policies(library: Library) -> Mapping[str, Any]:
    try:
        return library.policies.model_dump(mode="json")
    except PipelineErrors:
        return {}


def _stages(pipeline: Pipeline) -> dict[str, Any]:
    return {stage.name: stage.model_dump(mode="json", exclude={"name"}) for stage in pipeline.stages}


def _top(pipeline: Pipeline) -> Mapping[str, Any]:
    return pipeline.model_dump(mode="json", exclude={"stages", "file"})


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[SettingChange]:
    before, after = dict(_flat(old)), dict(_flat(new))
    for path in {**before, **after}:
        if before.get(path) != after.get(path):
            yield SettingChange(path, before.get(path), after.get(path))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its path; items of a list that have names go by them."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = {str(item["name"]): item for item in value}
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
