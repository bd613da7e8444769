"""The form that people write -> the form that the model reads.

`- deploy: {environment: test}` becomes a mapping with its type, name and needs filled in.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, Final

from gennaker.errors import Place, Problem, shown, unknown
from gennaker.fields import Frozen, file_keys, is_name
from gennaker.model import TRIGGER_TYPES, Pipeline
from gennaker.stages import STAGE_TYPES, BakeImage
from gennaker.tree import Items, Table

FINISH: Final = "finish-and-archive"


def shape(source: Table) -> tuple[Table, list[Problem]]:
    """What a file says in the model's form, and what could not be brought into it."""
    problems: list[Problem] = []
    table = source.twin()
    _refuse_resolved(table, Pipeline, problems)
    if isinstance(triggers := table.get("triggers"), Items):
        table["triggers"] = _tagged(triggers, "trigger type", TRIGGER_TYPES, problems)
    if isinstance(stages := table.get("stages"), Items) and stages:
        table["stages"] = _stages(stages, problems)
    return table, problems


def _stages(source: Items, problems: list[Problem]) -> Items:
    stages = _tagged(source, "stage type", STAGE_TYPES, problems)
    if not any(stage["type"] == FINISH for stage in stages):
        stages.add(_with_type(FINISH, None, STAGE_TYPES[FINISH], problems, source.place), source.place)
    names: list[str] = []
    for stage in stages:
        if stage["type"] == "bake-image":
            _gather_settings(stage, problems)
        _fill(stage, "name", stage["type"])
        names.append(stage["name"] if is_name(stage["name"]) else "")
    problems.extend(_twice_named(stages, names))
    for index, stage in enumerate(stages):
        _fill(stage, "needs", _default_needs(index, stages, names))
    return stages


def _default_needs(index: int, stages: Items, names: list[str]) -> list[str]:
    if stages[index]["type"] != FINISH:
        return [name for name in names[max(index - 1, 0) : index] if name]
    needed = {name for stage in stages[:index] for name in _texts(stage["needs"])}
    return [name for name in names[:index] if name and name not in needed]


def _texts(value: object) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _twice_named(stages: Items, names: list[str]) -> Iterable[Problem]:
    seen: set[str] = set()
    for stage, name in zip(stages, names, strict=True):
        if name and name in seen:
            yield Problem(stage.place, f"two stages are named '{name}'; give this one a 'name' of its own")
        seen.add(name)


def _tagged(source: Items, kind: str, known: Mapping[str, type[Frozen]], problems: list[Problem]) -> Items:
    """Turns each `type` or `type: {settings}` of a list into settings that say their type."""
    items = Items(source.file, source.spot)
    for index, item in enumerate(source):
        at = source.item_place(index)
        try:
            tag, settings, at = _tag(item, at, kind)
        except _Unshapely as error:
            problems.append(Problem(at, str(error)))
            continue
        if tag not in known:
            problems.append(Problem(at, unknown(kind, tag, known)))
        elif settings is not None and not isinstance(settings, Table):
            problems.append(Problem(at, f"{tag}: expected a mapping of settings, found {shown(settings)}"))
        else:
            items.add(_with_type(tag, settings, known[tag], problems, at), at)
    return items


def _refuse_resolved(table: Table, model: type[Frozen], problems: list[Problem]) -> None:
    """Takes out the keys that only a resolved pipeline has; in a file they are unknown."""
    for key in _resolved_only(model) & table.keys():
        problems.append(Problem(table.key_place(key), unknown("key", key, file_keys(model))))
        del table[key]


@cache
def _resolved_only(model: type[Frozen]) -> frozenset[str]:
    return frozenset(model.model_fields.keys() - set(file_keys(model)))


class _Unshapely(Exception):
    """An item of a list that is not a type with settings."""


def _tag(item: Any, at: Place, kind: str) -> tuple[str, Any, Place]:
    match item:
        case str():
            return item, None, at
        case Table() if len(item) == 1:
            [(tag, settings)] = item.items()
            return tag, settings, item.key_place(tag)
        case Table() if len(item) > 1:
            raise _Unshapely(
                f"expected a {kind} as the only key, found {', '.join(item)}; indent the settings below the type"
            )
        case _:
            raise _Unshapely(f"expected a {kind}, alone or with its settings, found {shown(item)}")


def _with_type(tag: str, settings: Table | None, model: type[Frozen], problems: list[Problem], at: Place) -> Table:
    table = settings.twin() if settings is not None else Table(at.file, (at.line - 1, at.column - 1))
    _refuse_resolved(table, model, problems)
    table.put("type", tag, at, at)
    return table


def _fill(table: Table, key: str, value: Any) -> None:
    if key not in table:
        table.put(key, value, table.keys_at["type"], table.keys_at["type"])


@lru_cache(maxsize=1024)
def _is_slip(key: str) -> bool:
    """Whether a free setting of bake-image is rather a key of the stage, misspelt."""
    return bool(get_close_matches(key, BakeImage.model_fields, n=1, cutoff=0.8))


def _gather_settings(stage: Table, problems: list[Problem]) -> None:
    """Moves the free settings of bake-image below `settings`; a near miss of a key is a mistake."""
    known = BakeImage.model_fields.keys()
    free = [key for key in stage if key not in known]
    given = stage.get("settings")
    if not isinstance(given, Table | None):
        return
    settings = given.twin() if given is not None else Table(stage.file, stage.spot)
    for key in free:
        place = stage.key_place(key)
        if _is_slip(key):
            problems.append(Problem(place, f"bake-image: {unknown('key', key, known)}"))
        else:
            settings.put(key, stage[key], place, stage.value_place(key))
        del stage[key]
    for key, value in settings.items():
        if isinstance(value, bool | int):
            settings[key] = str(value).lower()
    stage.put("settings", settings, stage.keys_at["type"], stage.keys_at["type"])
