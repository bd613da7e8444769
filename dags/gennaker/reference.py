"""The pipeline reference, written from the model: `python -m gennaker.reference`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from inspect import getdoc
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from canary.config import CanaryConfig, KayentaSettings, MetricConfig, ScoreThresholds
from canary.durations import format_duration
from gennaker.expressions import ALLOWED
from gennaker.fields import file_keys
from gennaker.model import TRIGGER_TYPES, Artifact, Environment, Policies
from gennaker.parameters import Parameter
from gennaker.stages import STAGE_TYPES, HttpCheck, StageBase
from gennaker.templates import Change, PipelineFile, TemplateFile
from operators.windows import Freeze, Window

FILE: Final = Path("docs/pipeline-reference.md")

#: An example of each stage; a test resolves every one of them.
EXAMPLES: Final = {
    "bake-image": "- bake-image: {os: ubuntu-22, jdk: 17}",
    "deploy": "- deploy: {environment: production, regions: [us-east-1], strategy: rolling, window: office-hours}",
    "integration-tests": "- integration-tests: {environment: test, http: {path: /healthz, status: 200}}",
    "automated-canary": "- automated-canary: {environment: production, metrics: [latency, error_rate], traffic: 5%}",
    "progressive-rollout": """\
- progressive-rollout:
    environment: production
    waves: [[us-east-1], [us-west-2, eu-central-1]]
    ramp: [5%, 20%, 50%, 100%]
    step_duration: 10m
    on_region_failure: rollback-all
    on_inconclusive: ask
    approvers: [alice]""",
    "manual-judgment": """\
- manual-judgment: {approvers: [alice, bob], instructions: "Is the support team ready?", timeout: 8h}""",
    "wait": "- wait: {duration: 1h30m}",
    "window": "- window: {window: office-hours}",
    "finish-and-archive": "- finish-and-archive: {keep_groups: 1, keep_images: 20}",
}

_INTRO: Final = """\
# Pipeline reference

Written from the model by `python -m gennaker.reference`; do not edit. `gennaker schema` prints the same as JSON
Schema for editors, `gennaker check` checks files, `gennaker render` draws a pipeline and `gennaker plan` says what
a change does.

A pipeline is one file, `dags/pipelines/NAME.yaml`:

```yaml
pipeline: playback
description: Playback Service Deployment
owners: [team-playback]
triggers:
  - git: {repo: netflix/playback, branch: main}
artifacts:
  playback: {type: directory, path: docker/demo/playback}
parameters:
  reason: {description: Why this release is made, default: routine}
stages:
  - bake-image: {os: ubuntu-22, jdk: 17}
  - deploy: {environment: test}
  - integration-tests: {command: "python -m pytest -q smoke"}
  - automated-canary: {environment: production}
  - manual-judgment: {approvers: [alice], when: "params.reason != 'routine'"}
  - progressive-rollout: {environment: production, ramp: [5%, 20%, 50%, 100%]}
```

Files are YAML 1.2: `yes`, `no` and `on` are text, only `true` and `false` are booleans. Tags, merge keys and a
second document are errors. A duration is written `30s`, `5m`, `1h30m` or `2d`, a percent `5%` or `5`. Names have
lower-case letters, digits and hyphens. Anything unknown is an error with file, line, column and the nearest name
that is known.
"""
_STAGES: Final = """\
A stage is its type alone or `type: {settings}`. Stages run in the order of the file; `needs` makes a graph of them.
A type that is used twice needs a `name` of its own the second time. `finish-and-archive` is always last, and is
added where it is missing.

Every stage can be told:
"""
_EXPRESSIONS: Final = """\
`when` is a Jinja expression, evaluated in a sandbox right before the stage; texts such as `command`, `instructions`
and the settings of `bake-image` may hold `{{{{ expressions }}}}`. They may name {names}. `params.x` must be a
parameter of the pipeline, `artifacts.x` an artifact and `stages['x']` a stage that comes before; a name that is not
is an error when the pipeline is checked.

```yaml
- wait: {{duration: 10m, when: "params.reason == 'careful'"}}
```
"""
_TEMPLATES: Final = """\
Instead of `stages` a pipeline may have a template, values for its variables, and changes to its stages:

```yaml
pipeline: ratings
owners: [team-ratings]
artifacts:
  ratings: {path: services/ratings}
template: standard-service@2
variables: {canary_traffic: 5, window: nights}
changes:
  - before: progressive-rollout
    add:
      manual-judgment: {approvers: [alice]}
  - replace: integration-tests
    with:
      integration-tests: {http: {path: /healthz}}
  - remove: deploy
  - after: bake-image
    add:
      deploy: {environment: test, strategy: highlander}
```

Changes are made in their order. A stage that replaces another keeps its name and its `needs`; one that is put in
takes its place in the order.
"""
_TEMPLATE_FILE: Final = """\
A template is one file, `dags/templates/NAME@VERSION.yaml`. In its stages `${name}` stands for a variable: alone it
has the variable's type, within a text it is text; `$${name}` is a `${name}` meant literally.
"""
_ENVIRONMENTS: Final = "An environment is one file, `dags/environments/NAME.yaml`.\n"
_WINDOWS: Final = """\
Windows and freezes are in `dags/policies/windows.yaml`. A wall-clock time means the first instant at which the
local clock shows it or a later one: an hour that daylight saving skips is passed at once, one that it repeats
counts in its first pass. A freeze takes its time out of every window, and stops changes that have no window too.
"""
_PROFILES: Final = """\
A threshold profile is one file, `dags/canaries/NAME.yaml` or `NAME@VERSION.yaml`. `extends` names a profile whose
settings it takes over where it says nothing itself. Where versions of it are registered in MLflow, runs use those:
[Versions of threshold profiles](learning-profiles.md).
"""


def reference() -> str:
    """The whole reference, as Markdown."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield _INTRO
    yield _section("Pipeline", PipelineFile)
    yield "## Triggers\n"
    for name, model in TRIGGER_TYPES.items():
        yield _section(f"`{name}`", model, level=3)
    yield _section("Artifacts", Artifact)
    yield _section("Parameters", Parameter)
    yield "## Stages\n"
    yield _STAGES
    yield _table(StageBase)
    for name, stage in STAGE_TYPES.items():
        yield from _stage(name, stage)
    yield "## Expressions\n"
    yield _EXPRESSIONS.format(names=", ".join(f"`{name}`" for name in ALLOWED))
    yield "## Templates\n"
    yield _TEMPLATES
    yield _section("A change", Change, level=3)
    yield _section("Template files", TemplateFile, _TEMPLATE_FILE, level=3)
    yield _section("Environments", Environment, _ENVIRONMENTS)
    yield _section("Windows and freezes", Policies, _WINDOWS)
    yield _section("A window", Window, level=3)
    yield _section("A freeze", Freeze, level=3)
    yield _section("Threshold profiles", CanaryConfig, _PROFILES)
    yield _section("A metric", MetricConfig, level=3)
    yield _section("The judge `kayenta`", KayentaSettings, level=3)
    yield _section("Its thresholds", ScoreThresholds, level=3)


def _stage(name: str, stage: type[StageBase]) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield _doc(stage)
    yield f"```yaml\n{EXAMPLES[name]}\n```\n"
    fields = StageBase.model_fields
    yield _table(stage, leave_out=[key for key in fields if stage.model_fields[key].default == fields[key].default])
    if name == "integration-tests":
        yield "`http` is a mapping of:\n"
        yield _table(HttpCheck)


def _section(title: str, model: type[BaseModel], text: str = "", level: int = 2) -> str:
    return f"{'#' * level} {title}\n\n{text or _doc(model)}\n{_table(model)}"


def _doc(model: type[BaseModel]) -> str:
    """What a model's docstring says of it, without its arguments."""
    return (getdoc(model) or "").partition("\nArgs:")[0].strip() + "\n"


def _table(model: type[BaseModel], leave_out: Iterable[str] = ()) -> str:
    schema = model.model_json_schema()
    rows = ["| key | value | what it is |", "|---|---|---|"]
    rows += [_row(key, model, schema) for key in file_keys(model) if key not in leave_out]
    return "\n".join(rows) + "\n"


def _row(key: str, model: type[BaseModel], schema: Mapping[str, Any]) -> str:
    field = next(field for name, field in model.model_fields.items() if (field.alias or name) == key)
    what = field.description or ""
    if field.is_required():
        what += " Required."
    elif "Default:" not in what and (default := _written(field.default)):
        what += f" Default: {default}."
    return f"| `{key}` | {_kind(schema['properties'][key], schema)} | {what.replace('|', chr(92) + '|')} |"


def _written(default: object) -> str:
    """A default as a file writes it; empty where it says nothing."""
    match default:
        case None | "" | ():
            return ""
        case bool():
            return f"`{str(default).lower()}`"
        case tuple():
            return ", ".join(f"`{getattr(part, 'name', part)}`" for part in default)
        case int() | float() | str():
            return f"`{default}`"
        case timedelta():
            return f"`{format_duration(default)}`"
    return ""


_KINDS: Final = {
    "boolean": "`true`, `false`",
    "date-time": "date and time",
    "integer": "whole number",
    "object": "mapping",
    "string": "text",
}


def _kind(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    match schema:
        case {"$ref": ref}:
            return _kind(whole["$defs"][ref.rpartition("/")[2]], whole)
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"examples": ["5%"]}:
            return "percent"
        case {"examples": [_, _, "1h30m"]}:
            return "duration"
        case {"anyOf": options} | {"oneOf": options}:
            kinds = (_kind(option, whole) for option in options if option.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
        case {"type": "array"}:
            return f"list of: {_kind(schema.get('items', {}), whole)}"
        case {"type": kind}:
            kind = str(schema.get("format", kind))
            return _KINDS.get(kind, kind)
    return "stage"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(reference(), encoding="utf-8")
