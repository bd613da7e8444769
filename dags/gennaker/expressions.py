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


def texts_of(stage: Stage) -> list[tuple[tuple[str, ...], str]]:
    """The settings of a stage that hold expressions and are rendered when it runs, with their paths."""
    return [(path, text) for path, text in _rendered(stage) if "{{" in text or "{%" in text]


def _rendered(stage: Stage) -> Iterator[tuple[tuple[str, ...], str]]:
    match stage:
        case BakeImage():
            yield from ((("settings", key), value) for key, value in stage.settings.items())
        case IntegrationTests():
            yield ("command",), stage.command or ""
            if stage.http:
                yield ("http", "path"), stage.http.path
                yield ("http", "contains"), stage.http.contains
        case ManualJudgment():
            yield ("instructions",), stage.instructions


def wrong_with_condition(condition: str, names: Names) -> str:
    """Why `condition` cannot be evaluated; empty when it can."""
    if "{{" in condition or "}}" in condition:
        return "expected the expression alone, without {{ }}"
    return wrong_with_text("{{ (" + condition + "\n) }}", names)


def wrong_with_text(text: str, names: Names) -> str:
    """Why a text with `{{ expressions }}` cannot be rendered; empty when it can."""
    wrong, reads = _parsed(text)
    return wrong or next((wrong for root, key in reads if (wrong := _unheld(root, key, names))), "")


def _unheld(root: str, key: str, names: Names) -> str:
    """Why `params.x` or `params['x']` is not there."""
    match root:
        case "params":
            kind, held = "parameter", names.params
        case "artifacts":
            kind, held = "artifact", names.artifacts
        case "stages":
            kind, held = "earlier stage", names.stages
        case _:
            return ""
    return "" if key in held else unknown(kind, key, held)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What is wrong with a text by itself, and each key that it reads of a name."""
    try:
        tree = _sandbox().parse(text)
        _sandbox().compile(tree)
    except TemplateSyntaxError as error:
        return f"is not a Jinja expression: {error.message}", ()
    except (RecursionError, SyntaxError):
        return "is nested too deep", ()
    for name in sorted(find_undeclared_variables(tree)):
        if name not in ALLOWED:
            return unknown("name", name, ALLOWED), ()
    read: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    return "", tuple((of.name, key) for node in read if isinstance(of := node.node, nodes.Name) and (key := _key(node)))


def _key(read: nodes.Getattr | nodes.Getitem) -> str:
    key: Any = read.attr if isinstance(read, nodes.Getattr) else getattr(read.arg, "value", None)
    return key if isinstance(key, str) else ""


@lru_cache(maxsize=1)
def _sandbox() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment()
