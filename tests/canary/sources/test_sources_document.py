"""docs/sources.md tells of every source, setting, option and outcome, and its example runs."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.config import CanaryConfig
from canary.sources import SOURCES, Fidelity, Outcome, open_source
from canary.sources.feeds import Queries
from canary.sources.queries import validated
from canary.sources.selfcheck import Finding
from canary.sources.settings import HttpSettings, Settings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sources.md").read_text()
COMMON, _, SECTIONS = DOCUMENT.partition("## The sources")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)]


def section(kind: str) -> str:
    return re.split(r"^#{2,3} ", SECTIONS.partition(f"### {kind}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def module_of(kind: str) -> Any:
    return import_module(SOURCES[kind].partition(":")[0])


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_told_of_with_all_its_settings_and_options(kind: str) -> None:
    module, name = module_of(kind), SOURCES[kind].partition(":")[2]
    settings = getattr(module, name).Settings
    common = HttpSettings if issubclass(settings, HttpSettings) else Settings
    own = set(settings.model_fields) - set(common.model_fields)
    options = [
        set(each.model_fields)
        for title, each in vars(module).items()
        if title.endswith(("Options", "Query")) and each.__module__ == module.__name__
    ]
    assert [field for field in own.union(*options) if f"`{field}`" not in section(kind)] == []


def test_settings_of_every_source_are_told_once() -> None:
    assert [field for field in HttpSettings.model_fields if f"| `{field}` |" not in COMMON] == []


def test_every_setting_of_a_metrics_queries_is_told() -> None:
    assert [field for field in Queries.model_fields if f"`{field}`" not in COMMON] == []


@pytest.mark.parametrize("names", [Outcome, Fidelity, Finding])
def test_every_outcome_fidelity_and_finding_is_told(names: Any) -> None:
    assert [each.value for each in names if f"| `{each.value}` |" not in DOCUMENT] == []


def test_no_source_is_told_of_that_is_not_there() -> None:
    assert set(re.findall(r"^### (\S+)$", SECTIONS, re.MULTILINE)) == set(SOURCES)


def test_the_settings_that_are_shown_are_settings(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    (shop,) = (block["sources"]["shop"] for block in BLOCKS if "sources" in block)
    assert open_source({**shop, "token": {"file": str(tmp_path / "token")}})


def test_the_metric_that_is_shown_is_a_metric() -> None:
    (block,) = (block for block in BLOCKS if "metrics" in block)
    (metric,) = CanaryConfig.model_validate(block).metrics
    assert validated(Queries, metric.query, "query is").parts()


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    exec(compile(example, "docs/sources.md", "exec"), {})
    first, last = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("ok [")
    assert f"# {last}" in example
