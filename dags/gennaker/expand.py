"""A pipeline that uses a template -> the same pipeline with stages of its own."""

from collections.abc import Callable
from typing import Any, Final

from gennaker.errors import PipelineErrors, Problem, unknown
from gennaker.explain import validate
from gennaker.templates import Change, Template, TemplateUse
from gennaker.tree import Items, Table

_USE_KEYS: Final = ("template", "variables", "changes")


def expand(source: Table, template_of: Callable[[str], Template]) -> Table:
    """What a file says with its template's stages, variables replaced and changes made.

    `template_of` gives a template by `name@version`. Raises PipelineErrors; a problem in the
    template's file says too which pipeline used it.
    """
    if "template" not in source:
        _refuse_orphans(source)
        return source
    use = _use(source)
    place = source.key_place("template")
    try:
        template = template_of(use.template)
    except PipelineErrors as errors:
        raise PipelineErrors(problem.used_at(place) for problem in errors.problems) from None
    stages = template.filled(source.get("variables") or Table(place.file, (0, 0)), source)
    for index, change in enumerate(use.changes):
        _change(stages, change, source["changes"][index])
    table = source.twin()
    table.put("stages", stages, place, place)
    for key in ("variables", "changes"):
        table.pop(key, None)
    return table


def _refuse_orphans(source: Table) -> None:
    problems = [
        Problem(source.key_place(key), f"{key}: expected together with 'template'")
        for key in ("variables", "changes")
        if key in source
    ]
    if problems:
        raise PipelineErrors(problems)


def _use(source: Table) -> TemplateUse:
    if "stages" in source:
        what = "stages: expected either 'stages' or 'template'; use 'changes' to change a template's stages"
        raise PipelineErrors([Problem(source.key_place("stages"), what)])
    own = Table(source.file, source.spot)
    for key in _USE_KEYS:
        if key in source:
            own.put(key, source[key], source.keys_at[key], source.values_at[key])
    return validate(TemplateUse, own)


def _change(stages: Items, change: Change, written: Table) -> None:
    """Makes one change to `stages` in place; `written` is how the file says it."""
    names = [_name(stage) for stage in stages]
    if change.stage not in names:
        key = next(key for key in ("replace", "before", "after", "remove") if key in written)
        raise PipelineErrors([Problem(written.value_place(key), unknown("stage of the template", change.stage, names))])
    at = names.index(change.stage)
    if change.remove:
        _remove(stages, at)
    elif change.replace:
        _replace(stages, at, written)
    elif change.before:
        _put_before(stages, at, written)
    else:
        _put_after(stages, at, written)


def _remove(stages: Items, at: int) -> None:
    needs = _needs(stages, at)
    _rewire(stages, _name(stages[at]), needs)
    _delete(stages, at)


def _replace(stages: Items, at: int, written: Table) -> None:
    old = _settings(stages[at])
    new = _owned(written, "with")
    settings = _settings(new)
    if settings is not None:
        if "name" not in settings:
            place = written.value_place("replace")
            settings.put("name", _name(stages[at]), place, place)
        if old and "needs" in old and "needs" not in settings:
            settings.put("needs", old["needs"], old.keys_at["needs"], old.values_at["needs"])
    stages[at] = new
    stages.items_at[at] = written.value_place("with")


def _put_before(stages: Items, at: int, written: Table) -> None:
    new = _owned(written, "add")
    old, settings = _settings(stages[at]), _settings(new)
    place = written.value_place("add")
    if old and "needs" in old:
        if settings is not None and "needs" not in settings:
            settings.put("needs", old["needs"], place, place)
        old["needs"] = [_name(new)]
    stages.insert(at, new)
    stages.items_at.insert(at, place)


def _put_after(stages: Items, at: int, written: Table) -> None:
    new = _owned(written, "add")
    _rewire(stages, _name(stages[at]), [_name(new)])
    stages.insert(at + 1, new)
    stages.items_at.insert(at + 1, written.value_place("add"))


def _rewire(stages: Items, name: str, instead: list[str]) -> None:
    """Makes what says that it needs `name` need others instead."""
    for stage in stages:
        settings = _settings(stage)
        if settings and isinstance(needs := settings.get("needs"), list) and name in needs:
            settings["needs"] = [other for needed in needs for other in (instead if needed == name else [needed])]


def _needs(stages: Items, at: int) -> list[str]:
    settings = _settings(stages[at])
    if settings and isinstance(needs := settings.get("needs"), list):
        return list(needs)
    return [_name(stages[at - 1])] if at else []


def _delete(stages: Items, at: int) -> None:
    del stages[at]
    del stages.items_at[at]


def _owned(written: Table, key: str) -> Any:
    """The stage at `key`, copied as far as it will be changed; a bare type gets empty settings."""
    stage, at = written[key], written.value_place(key)
    spot = (at.line - 1, at.column - 1)
    if isinstance(stage, str):
        bare = Table(at.file, spot)
        bare.put(stage, Table(at.file, spot), at, at)
        return bare
    if not isinstance(stage, Table) or len(stage) != 1:
        return stage
    twin = stage.twin()
    [(tag, settings)] = stage.items()
    if isinstance(settings, Table):
        twin[tag] = settings.twin()
    elif settings is None:
        twin[tag] = Table(at.file, spot)
    return twin


def _settings(stage: Any) -> Table | None:
    """The settings of a stage as written, to be changed in place; None for a bare type."""
    if isinstance(stage, Table) and len(stage) == 1:
        [settings] = stage.values()
        return settings if isinstance(settings, Table) else None
    return None


def _name(stage: Any) -> str:
    settings = _settings(stage)
    name = settings.get("name") if settings else None
    if isinstance(name, str):
        return name
    if isinstance(stage, Table) and len(stage) == 1:
        return next(iter(stage))
    return stage if isinstance(stage, str) else ""
