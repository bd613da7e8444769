"""The JSON Schema of pipeline files, for editors."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel

from canary.durations import format_duration
from gennaker.fields import file_keys
from gennaker.model import TRIGGER_TYPES
from gennaker.stages import STAGE_TYPES
from gennaker.templates import PipelineFile

Schema = dict[str, Any]
_REF: Final = "#/$defs/{model}"


def pipeline_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a pipeline file as people write it.

    A stage or trigger is its type alone, or a mapping from its type to its settings.
    """
    tagged: Mapping[str, type[BaseModel]] = {**STAGE_TYPES, **TRIGGER_TYPES}
    models: list[type[BaseModel]] = [PipelineFile, *tagged.values()]
    definitions: dict[str, Schema] = {}
    for model in models:
        own = model.model_json_schema(ref_template=_REF)
        definitions |= {**own.pop("$defs", {}), model.__name__: own}
    for model in models:
        _keep_file_keys(definitions[model.__name__], model)
    definitions["BakeImage"]["additionalProperties"] = {"type": ["string", "integer", "boolean"]}
    schema = definitions.pop("PipelineFile")
    schema["properties"]["stages"] = _list_of(STAGE_TYPES, definitions, "Its stages, in order.")
    schema["properties"]["triggers"] = _list_of(TRIGGER_TYPES, definitions, "What starts a run.")
    schema["required"] = ["pipeline", "owners"]
    schema["oneOf"] = [{"required": ["stages"]}, {"required": ["template"]}]
    schema["title"] = "Gennaker pipeline"
    used = _used(schema, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "$defs": {name: definitions[name] for name in sorted(used)},
    }


def _keep_file_keys(definition: Schema, model: type[BaseModel]) -> None:
    """Leaves out what only a resolved pipeline has, and defaults that stand for something else."""
    keys = file_keys(model)
    definition["properties"] = {key: value for key, value in definition["properties"].items() if key in keys}
    definition["required"] = [key for key in definition.get("required", ()) if key in keys]
    for name, field in model.model_fields.items():
        written = definition["properties"].get(field.alias or name, {})
        written.setdefault("description", field.description)  # pydantic leaves out one that the type has too
        if isinstance(field.default, timedelta):
            written["default"] = format_duration(field.default)
        elif not field.default and field.default is not False:
            written.pop("default", None)


def _list_of(types: Mapping[str, type[BaseModel]], definitions: Mapping[str, Schema], description: str) -> Schema:
    alone = [name for name, model in types.items() if not definitions[model.__name__]["required"]]
    return {
        "type": "array",
        "description": description,
        "minItems": 1,
        "items": {
            "anyOf": [
                {"type": "string", "enum": alone},
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": False,
                    "properties": {
                        name: {"anyOf": [{"$ref": _REF.format(model=model.__name__)}, {"type": "null"}]}
                        if name in alone
                        else {"$ref": _REF.format(model=model.__name__)}
                        for name, model in types.items()
                    },
                },
            ]
        },
    }


def _used(schema: Schema, definitions: Mapping[str, Schema]) -> set[str]:
    """Names of the definitions that `schema` refers to, directly or not."""
    found: set[str] = set()
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                waiting.append(definitions[name])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found
