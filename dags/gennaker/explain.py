"""What pydantic found wrong, in plain words and at the place in the file."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gennaker.errors import LIKENESS, PipelineErrors, Place, Problem, shown, unknown
from gennaker.fields import file_keys
from gennaker.model import TRIGGER_TYPES
from gennaker.stages import STAGE_TYPES
from gennaker.tree import Table, place_of

Model = TypeVar("Model", bound=BaseModel)

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_too_short": "text that is not empty",
    "too_short": "at least one",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "timezone_aware": "a time with its offset from UTC",
    "datetime_from_date_parsing": "a date and time with its offset from UTC",
    "datetime_parsing": "a date and time with its offset from UTC",
    "datetime_type": "a date and time with its offset from UTC",
    "greater_than": "above {gt}",
    "less_than": "below {lt}",
    "unfit": "{expected}",
}


def validate(model: type[Model], tree: Table, written_as: type[BaseModel] | None = None) -> Model:
    """The model of what a file says; `written_as` is the model of the file's own form, if another.

    Raises PipelineErrors with every problem located.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise PipelineErrors(explain(error, written_as or model, tree)) from None


def explain(error: ValidationError, model: type[BaseModel], tree: Table) -> list[Problem]:
    """The problems of a failed validation, those of one place joined into one."""
    expected: dict[tuple[Place, str, str], list[str]] = {}
    problems = []
    details = error.errors(include_url=False)
    unknown_keys = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    for detail in details:
        path = detail["loc"]
        match detail["type"]:
            case "extra_forbidden":
                problems.append(_unknown_key(path, model, tree))
            case "missing":
                if not any(_is_slip(key, path) for key in unknown_keys):
                    what = f"{_subject(path[:-1], tree)}expected the key '{path[-1]}', which is missing"
                    problems.append(Problem(place_of(tree, path[:-1]), what))
            case "enum" | "literal_error":
                problems.append(_unknown_word(detail, tree))
            case "too_short" if detail["input"]:
                continue  # its items are wrong, and each says so
            case "value_error":
                what = str(detail["msg"]).removeprefix("Value error, ")
                problems.append(Problem(place_of(tree, path), _subject(path, tree) + what))
            case _:
                found = "" if isinstance(detail["input"], Table) else f", found {shown(detail['input'])}"
                is_key = path[-1:] == ("[key]",)
                place = place_of(tree, path[:-1], key=True) if is_key else place_of(tree, path)
                subject = _subject(path[:-2] if is_key else path, tree)
                expected.setdefault((place, subject, found), []).append(_expected(detail))
    for (place, subject, found), wanted in expected.items():
        problems.append(Problem(place, f"{subject}expected {' or '.join(dict.fromkeys(wanted))}{found}"))
    return sorted(problems)


def _expected(detail: ErrorDetails) -> str:
    pattern = _EXPECTED.get(detail["type"])
    if pattern is None:
        return f"something else ({detail['msg']})"
    return pattern.format(**detail.get("ctx", {}))


def _is_slip(written: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    """Whether the unknown key `written` is probably the `missing` one, so that one message will do."""
    known = [str(missing[-1])]
    return written[:-1] == missing[:-1] and bool(get_close_matches(str(written[-1]), known, cutoff=LIKENESS))


def _subject(path: tuple[int | str, ...], tree: Table) -> str:
    """What the message is about: `capacity of deploy: `."""
    steps = list(_steps_in(path, tree))
    words = [step for step in steps if isinstance(step, str)]
    if words[:1] == ["stages"] and len(steps) > 1:
        stages: Any = tree["stages"]
        words = [str(stages[steps[1]]["name"]), *words[1:]]
    return " of ".join(reversed(words)) + ": " if words else ""


def _steps_in(path: tuple[int | str, ...], tree: Table) -> Iterable[int | str]:
    node: Any = tree
    for step in path:
        is_there = step in node if isinstance(node, dict) else isinstance(node, list) and isinstance(step, int)
        if is_there:
            yield step
            node = node[step]


def _unknown_key(path: tuple[int | str, ...], model: type[BaseModel], tree: Table) -> Problem:
    known = _keys_at(path[:-1], model)
    what = _subject(path[:-1], tree) + unknown("key", str(path[-1]), known)
    return Problem(place_of(tree, path, key=True), what)


def _unknown_word(detail: ErrorDetails, tree: Table) -> Problem:
    path = detail["loc"]
    known = [word.strip(" '") for word in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
    word = detail["input"]
    what = unknown("value", word, known) if isinstance(word, str) else f"expected {known}, found {shown(word)}"
    return Problem(place_of(tree, path), _subject(path, tree) + what)


def _keys_at(path: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys that a file may use at `path`."""
    for step in path:
        named: Mapping[str, type[BaseModel]] = {**STAGE_TYPES, **TRIGGER_TYPES}
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
        elif isinstance(step, str) and step in named:
            model = named[step]
    return file_keys(model)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
