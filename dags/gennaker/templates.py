"""Templates: stages with typed variables, which many pipelines share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import Field, model_validator

from gennaker.errors import PipelineErrors, Problem, unknown
from gennaker.explain import validate
from gennaker.fields import Count, Frozen, Name, Word, unfit
from gennaker.model import Pipeline
from gennaker.parameters import Parameter, Scalar
from gennaker.stages import Stage
from gennaker.tree import Items, Table

#: `${name}`, or `$${name}` for a `${name}` that is meant literally.
_PLACEHOLDER: Final = re.compile(r"(\$?)\$\{([^{}]*)\}")
_ABOUT_VARIABLES: Final = "Values for the template's variables."
_ABOUT_CHANGES: Final = "Changes to the template's stages, in order."


class Change(Frozen):
    """One change that a pipeline makes to the stages of its template."""

    replace: Name | None = Field(default=None, description="Stage to replace by that of 'with'; its name is kept.")
    with_: Any = Field(default=None, alias="with", description="Stage that replaces.")
    before: Name | None = Field(default=None, description="Stage to put that of 'add' right before.")
    after: Name | None = Field(default=None, description="Stage to put that of 'add' right after.")
    add: Any = Field(default=None, description="Stage to put in.")
    remove: Name | None = Field(default=None, description="Stage to leave out; what needed it needs what it needed.")

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        if self.model_fields_set not in ({"replace", "with_"}, {"before", "add"}, {"after", "add"}, {"remove"}):
            raise unfit("'replace' and 'with', 'before' and 'add', 'after' and 'add', or 'remove'")
        return self

    @property
    def stage(self) -> str:
        """The stage of the template that is changed, or changed next to."""
        return self.replace or self.before or self.after or self.remove or ""


class TemplateUse(Frozen):
    """How a pipeline uses a template."""

    template: str = Field(pattern=r"^[a-z0-9-]+@[0-9]+$", description="Template, as name@version.")
    variables: Mapping[Word, Scalar] = Field(default_factory=dict, description=_ABOUT_VARIABLES)
    changes: tuple[Change, ...] = Field(default=(), description=_ABOUT_CHANGES)


class PipelineFile(Pipeline):
    """A pipeline as its file writes it: with stages of its own, or with those of a template."""

    stages: tuple[Stage, ...] = Field(default=(), description="Its stages, in order; either this or 'template'.")
    template: str = Field(default="", description="Template its stages come from, as name@version.")
    variables: Mapping[Word, Scalar] = Field(default_factory=dict, description=_ABOUT_VARIABLES)
    changes: tuple[Change, ...] = Field(default=(), description=_ABOUT_CHANGES)


class TemplateFile(Frozen):
    """What the file of a template says."""

    template: Name = Field(description="Name of the template; its file is named name@version.yaml.")
    version: Count = Field(description="Version; a change that pipelines can feel is a new version.")
    description: str = Field(default="", description="What it is for.")
    variables: Mapping[Word, Parameter] = Field(default_factory=dict, description="What its users are asked for.")
    stages: tuple[Any, ...] = Field(min_length=1, description="Its stages; ${name} stands for a variable's value.")


@dataclass(frozen=True, slots=True)
class Template:
    """A template with its stages as they are written, variables and all."""

    file: TemplateFile
    stages: Items

    def __str__(self) -> str:
        return f"{self.file.template}@{self.file.version}"

    def filled(self, given: Table, use: Table) -> Items:
        """The stages with every variable replaced; `use` is the pipeline that asks.

        Raises PipelineErrors for unknown, missing and unfit variables.
        """
        values = self._values(given, use)
        problems: list[Problem] = []
        stages = _substitute(self.stages, values, problems)
        if problems:
            raise PipelineErrors(problem.used_at(use.key_place("template")) for problem in problems)
        assert isinstance(stages, Items)
        return stages

    def _values(self, given: Table, use: Table) -> Mapping[str, Scalar]:
        known = self.file.variables
        problems = []
        for name, value in given.items():
            if name not in known:
                problems.append(Problem(given.key_place(name), unknown(f"variable of {self}", name, known)))
            elif expected := known[name].expected_instead_of(value):
                what = f"{name}: expected {expected}, found {value!r}"
                problems.append(Problem(given.value_place(name), what))
        for name, variable in known.items():
            if name not in given and variable.default is None:
                what = f"the template {self} needs the variable '{name}'"
                problems.append(Problem(use.key_place("template"), what))
        if problems:
            raise PipelineErrors(problems)
        defaults = {name: variable.default for name, variable in known.items() if variable.default is not None}
        return {**defaults, **given}


def read_template(tree: Table) -> Template:
    """The template of a file. Raises PipelineErrors."""
    file = validate(TemplateFile, tree)
    return Template(file, tree["stages"])


def _substitute(node: Any, values: Mapping[str, Scalar], problems: list[Problem]) -> Any:
    match node:
        case Table():
            twin = node.twin()
            for key, value in node.items():
                twin[key] = _value(value, node.value_place, key, values, problems)
            return twin
        case Items():
            items = Items(node.file, node.spot)
            for index, value in enumerate(node):
                items.add(_value(value, node.item_place, index, values, problems), node.items_at[index])
            return items
    return node


def _value(value: Any, place_of: Any, key: str | int, values: Mapping[str, Scalar], problems: list[Problem]) -> Any:
    if not isinstance(value, str):
        return _substitute(value, values, problems)
    if "${" not in value:
        return value
    for escape, name in _PLACEHOLDER.findall(value):
        if not escape and name not in values:
            problems.append(Problem(place_of(key), unknown("variable", name, values)))
            return value
    if (whole := _PLACEHOLDER.fullmatch(value)) and not whole[1]:
        return values[whole[2]]
    return _PLACEHOLDER.sub(lambda found: found[0][1:] if found[1] else _text(values[found[2]]), value)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
