"""The folder of pipelines and of what they lean on: YAML files -> resolved pipelines, or clear errors."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, TypeVar

from canary.config import CanaryConfig
from gennaker.check import check
from gennaker.errors import PipelineErrors, Place, Problem, unknown
from gennaker.expand import expand
from gennaker.explain import validate
from gennaker.model import Environment, Pipeline, Policies
from gennaker.parse import parse_file
from gennaker.profiles import Profiles, named
from gennaker.shape import shape
from gennaker.stages import Judged
from gennaker.templates import PipelineFile, Template, read_template
from gennaker.tree import place_of

_Value = TypeVar("_Value")
_SUFFIX: Final = ".yaml"


class Library:
    """Pipelines by name, with templates, environments, canary profiles and policies.

    Nothing is read before it is asked for, and everything but pipelines is read once.

    Args:
        folder: the folder that holds `pipelines`, `templates`, `environments`, `canaries`, `policies`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[tuple[str, str], Any] = {}

    def pipelines(self) -> list[str]:
        """Names of all pipelines, sorted; right or wrong."""
        return sorted(self._files)

    def file_of(self, name: str) -> Path:
        """The file of one pipeline; looks at no other when it lies right below `pipelines`.

        Raises PipelineErrors for an unknown name, or one that two files claim.
        """
        direct = self.folder / "pipelines" / f"{name}{_SUFFIX}"
        if direct.is_file():
            return direct
        files = self._files.get(name, [])
        if not files:
            place = Place(str(self.folder / "pipelines"))
            raise PipelineErrors([Problem(place, unknown("pipeline", name, self._files))])
        if len(files) > 1:
            others = ", ".join(str(file) for file in files[1:])
            raise PipelineErrors([Problem(Place(str(files[0])), f"the pipeline is in other files too: {others}")])
        return files[0]

    def resolve(self, name: str) -> Pipeline:
        """The pipeline with everything filled in. Raises PipelineErrors."""
        path = self.file_of(name)
        pipeline = self.resolve_file(path)
        if pipeline.pipeline != name:
            what = f"the file of pipeline '{pipeline.pipeline}' must be named {pipeline.pipeline}{_SUFFIX}"
            raise PipelineErrors([Problem(Place(str(path)), what)])
        return pipeline

    def resolve_file(self, path: Path) -> Pipeline:
        """The pipeline of a file anywhere, leaning on this library. Raises PipelineErrors."""
        source = parse_file(path)
        tree, problems = shape(expand(source, self.template))
        tree.put("file", self._name_of(path), tree.spot, tree.spot)
        try:
            pipeline = validate(Pipeline, tree, written_as=PipelineFile)
            if not problems:
                return check(pipeline, tree, self)
        except PipelineErrors as errors:
            problems.extend(errors.problems)
        used = source.key_place("template")
        raise PipelineErrors(sorted(problem.used_at(used) for problem in problems))

    def environment_names(self) -> Collection[str]:
        """Environments there are."""
        return self._names("environments")

    def environment(self, name: str) -> Environment:
        """One environment. Raises PipelineErrors when its file is wrong."""
        return self._once("environments", name, lambda path: validate(Environment, parse_file(path)))

    def template(self, name: str) -> Template:
        """One template by `name@version`. Raises PipelineErrors, without a place for an unknown name."""
        if name not in (names := self._names("templates")):
            raise PipelineErrors([Problem(Place(str(self.folder / "templates")), unknown("template", name, names))])
        return self._once("templates", name, lambda path: read_template(parse_file(path)))

    def profile_names(self) -> Collection[str]:
        """Threshold profiles there are."""
        return self._names("canaries")

    def canary(self, profile: str, overrides: Mapping[str, Any]) -> CanaryConfig:
        """The settings of a threshold profile with a pipeline's own on top.

        Raises PipelineErrors when a profile's file is wrong, CanaryError when the overrides are.
        """
        return self._profiles.resolve(profile, overrides)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(self.profile_names(), lambda name: self._once("canaries", name, parse_file))

    @cached_property
    def policies(self) -> Policies:
        """Execution windows and freezes; none without `policies/windows.yaml`."""
        if not (self.folder / "policies" / f"windows{_SUFFIX}").is_file():
            return Policies()
        return self._once("policies", "windows", self._read_policies)

    def _read_policies(self, path: Path) -> Policies:
        tree = parse_file(path)
        policies = validate(Policies, tree)
        known = self.environment_names()
        problems = [
            Problem(place_of(tree, ("freezes", index, "environments", position)), unknown("environment", name, known))
            for index, freeze in enumerate(policies.freezes)
            for position, name in enumerate(freeze.environments)
            if name not in known
        ]
        if problems:  # a freeze of an environment that does not exist would freeze nothing
            raise PipelineErrors(problems)
        return policies

    def wrong_files(self) -> list[Problem]:
        """What is wrong with environments, templates, profiles and policies, used or not."""
        asks: list[Callable[[], object]] = [lambda: self.policies]
        asks += [partial(self.environment, name) for name in self.environment_names()]
        asks += [partial(self.template, name) for name in self._names("templates")]
        asks += [partial(self.canary, name, {}) for name in self.profile_names()]
        problems: list[Problem] = []
        for ask in asks:
            try:
                ask()
            except PipelineErrors as errors:
                problems.extend(errors.problems)
        return problems

    def files_of(self, pipeline: Pipeline) -> list[str]:
        """Every file that the resolved pipeline was made from, below the library's folder."""
        files = [pipeline.file]
        if pipeline.template:
            files.append(f"templates/{pipeline.template}{_SUFFIX}")
        files += [f"environments/{name}{_SUFFIX}" for name in sorted(pipeline.environments)]
        known = self.profile_names()
        profiles = {named(stage.profile, known)[0] for stage in pipeline.stages if isinstance(stage, Judged)}
        extended = {name for profile in profiles for name in self._profiles.with_extended(profile)}
        files += [f"canaries/{name}{_SUFFIX}" for name in sorted(extended)]
        return [*files, f"policies/windows{_SUFFIX}"] if pipeline.windows else files

    def _name_of(self, path: Path) -> str:
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else path.name

    @cached_property
    def _files(self) -> Mapping[str, list[Path]]:
        files: dict[str, list[Path]] = {}
        for path in sorted((self.folder / "pipelines").rglob(f"*{_SUFFIX}")):
            files.setdefault(path.stem, []).append(path)
        return files

    def _names(self, kind: str) -> Collection[str]:
        key = kind, ""
        if key not in self._kept:
            self._kept[key] = sorted(path.stem for path in (self.folder / kind).glob(f"*{_SUFFIX}"))
        names: Collection[str] = self._kept[key]
        return names

    def _once(self, kind: str, name: str, read: Callable[[Path], _Value]) -> _Value:
        """What `read` makes of a file, right or wrong, the first time and ever after."""
        key = kind, name
        if key not in self._kept:
            try:
                self._kept[key] = read(self.folder / kind / f"{name}{_SUFFIX}")
            except PipelineErrors as errors:
                self._kept[key] = errors
        if isinstance(kept := self._kept[key], PipelineErrors):
            raise PipelineErrors(kept.problems)
        value: _Value = kept
        return value


def load(folder: Path) -> Library:
    """The library below `folder`, the DAG folder; costs nothing until it is asked."""
    return Library(folder)


def resolve_file(path: Path, library: Library) -> Pipeline:
    """The pipeline of a file anywhere, leaning on `library`. Raises PipelineErrors."""
    return library.resolve_file(path)
