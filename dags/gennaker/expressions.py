"""The Jinja expressions of a pipeline: what they may name, and whether they can be evaluated."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gennaker.errors import unknown
from gennaker.stages import BakeImage, IntegrationTests, ManualJudgment, Stage

#: What an expression may name.
ALLOWED: Final = ("artifacts", "params", "run", "stages")


@dataclass(frozen=True, slots=True)
class Names:
    """What the mappings that an expression may read hold at one stage."""

    params: frozenset[str]
    artifacts: frozenset[str]
    stages: frozenset[str]


def texts_of(stage: Stage) -> Iterator[tuple[tuple[str, ...], str]]:
    """The settings of a stage that are rendered when it runs, with their paths."""
    match stage:
        case BakeImage():
            yield from ((("settings", key), value) for key, value in stage.settings.items())
        case IntegrationTests():
            if stage.command:
                yield ("command",), stage.command
            if stage.http:
                yield ("http", "path"), stage.http.path
                yield ("http", "contains"), stage.http.contains
        case ManualJudgment():
            yield ("instructions",), stage.instructions


@lru_cache(maxsize=4096)
def wrong_with_condition(condition: str, names: Names) -> str:
    """Why `condition` cannot be evaluated; empty when it can."""
    return _wrong("{{ (" + condition + "\n) }}", names)


@lru_cache(maxsize=4096)
def wrong_with_text(text: str, names: Names) -> str:
    """Why a text with `{{ expressions }}` cannot be rendered; empty when it can."""
    return _wrong(text, names) if "{{" in text or "{%" in text else ""


def _wrong(text: str, names: Names) -> str:
    try:
        tree = _sandbox().parse(text)
    except TemplateSyntaxError as error:
        return f"is not a Jinja expression: {error.message}"
    for name in sorted(find_undeclared_variables(tree)):
        if name not in ALLOWED:
            return unknown("name", name, ALLOWED)
    return next(
        (wrong for node in tree.find_all((nodes.Getattr, nodes.Getitem)) if (wrong := _unheld(node, names))), ""
    )


def _unheld(node: nodes.Getattr | nodes.Getitem, names: Names) -> str:
    """Why `params.x` or `params['x']` is not there."""
    if not isinstance(node.node, nodes.Name):
        return ""
    key: Any = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    held = {"params": names.params, "artifacts": names.artifacts, "stages": names.stages}.get(node.node.name)
    if held is None or not isinstance(key, str) or key in held:
        return ""
    kind = {"params": "parameter", "artifacts": "artifact", "stages": "earlier stage"}[node.node.name]
    return unknown(kind, key, held)


@lru_cache(maxsize=1)
def _sandbox() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment()
