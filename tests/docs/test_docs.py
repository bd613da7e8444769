"""What the documents say is so: links lead somewhere, examples compile, names exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gennaker import commands
from gennaker.cli import COMMANDS
from gennaker.read import load

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [path for floor in ("canary", "operators", "dags", "docker") for path in sorted((ROOT / floor).rglob("*.py"))]

#: The words of the trade; each has one meaning.
WORDS = """
    pipeline, stage, trigger, artifact, bake, image, environment, region, cluster, server group, baseline, canary,
    control, judge, judgment, manual judgment, verdict, evidence, look, threshold profile, execution window, freeze,
    ramp, promote, cut, roll back, revert, turn back, settle, converge, lease, record
"""

INVARIANTS = range(1, 11)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def found(pattern: str) -> list[tuple[str, str]]:
    """Each match of `pattern` in the documents, with its document."""
    return [(name_of(path), match) for path in FILES for match in re.findall(pattern, path.read_text())]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def wrong_with(document: str, link: str) -> str:
    """Why a relative link leads nowhere; empty when it leads somewhere."""
    target, _, anchor = link.partition("#")
    path = (ROOT / document).parent / target if target else ROOT / document
    if not path.exists():
        return "there is no such file"
    return "there is no such heading" if anchor and anchor not in anchors(path) else ""


def test_every_relative_link_leads_somewhere() -> None:
    links = [(doc, link) for doc, link in found(r"\]\(([^)\s]+)\)") if not link.startswith(("http://", "https://"))]
    broken = [f"{doc}: {link}: {wrong}" for doc, link in links if (wrong := wrong_with(doc, link))]
    assert links
    assert broken == []


def pipelines() -> Iterator[object]:
    for path in FILES:
        for number, text in enumerate(re.findall(r"```yaml\n(pipeline:.*?)```", path.read_text(), re.DOTALL), start=1):
            yield pytest.param(text, id=f"{name_of(path)} {number}")


@pytest.mark.parametrize("text", list(pipelines()))
def test_every_pipeline_in_the_documents_resolves(text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text)
    assert load(ROOT / "dags").resolve_file(file).stages


def test_the_readme_shows_a_pipeline() -> None:
    assert "```yaml\npipeline:" in (ROOT / "README.md").read_text()


def test_the_commands_reference_is_what_the_command_says() -> None:
    assert (ROOT / commands.FILE).read_text() == commands.reference(), "run `python -m gennaker.commands`"


def test_every_command_that_the_documents_use_exists() -> None:
    used = found(r"(?:^\$ |`)gennaker ([a-z]+(?:-[a-z]+)*)") + found(r"\n\$ gennaker ([a-z]+(?:-[a-z]+)*)")
    assert {command for _, command in used} >= {"release", "status", "audit", "doctor", "check"}
    assert [f"{doc}: gennaker {command}" for doc, command in used if command not in COMMANDS] == []


def test_every_make_target_that_the_documents_use_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = found(r"(?:`|\$ )make ([a-z-]+)")
    assert [f"{doc}: make {target}" for doc, target in used if target not in targets] == []


def test_every_variable_that_the_documents_name_is_one_of_the_code() -> None:
    code = "\n".join(path.read_text() for path in CODE)
    named = found(r"\b(GENNAKER_[A-Z_]+)\b")
    assert [f"{doc}: {variable}" for doc, variable in named if variable not in code] == []


def is_there(place: str) -> bool:
    """Whether `path` or `path::name` exists; NAME and VERSION in a path stand for any."""
    path, _, name = place.partition("::")
    files = list(ROOT.glob(re.sub("NAME|VERSION", "*", path.rstrip("/"))))
    if not name:
        return bool(files)
    defined = re.compile(rf"^\s*(?:(?:class|def|async def) )?{re.escape(name)}\b(?:\s*[:=(]|$)", re.MULTILINE)
    return any(defined.search(file.read_text()) for file in files)


def test_every_place_that_the_documents_name_exists() -> None:
    places = found(r"`((?:canary|operators|dags|tests|docker|docs|\.ci)/[^\s`]*)`")
    assert len(places) > 100
    assert [f"{doc}: {place}" for doc, place in places if not is_there(place)] == []


@pytest.mark.parametrize("word", [word.strip() for word in WORDS.split(",")])
def test_every_word_of_the_trade_has_one_meaning(word: str) -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    assert len(re.findall(rf"^\| \*\*{word}\*\* \|", glossary, re.MULTILINE)) == 1


@pytest.mark.parametrize("number", INVARIANTS)
def test_every_invariant_is_named_by_a_test_and_told_in_the_architecture(number: int) -> None:
    tests = "\n".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py")))
    told = (ROOT / "docs" / "architecture.md").read_text().partition("## Invariants")[2]
    assert re.search(rf"def test_invariant_{number}_\w+", tests)
    row = next(line for line in told.splitlines() if line.startswith(f"| {number} |"))
    assert f"::test_invariant_{number}_" in row


def test_decisions_are_numbered_without_gaps_and_fit_a_page() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    for number, path in enumerate(decisions, start=1):
        lines = path.read_text().splitlines()
        assert path.name.startswith(f"{number:04d}-")
        assert lines[0].startswith(f"# {number}. ")
        assert len(lines) <= 40, path.name
        assert {"## Context", "## Decision", "## Consequences"} <= set(lines), path.name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[^A-Za-z0-9-]", one)[0] for one in wanted}
    reasons = (ROOT / "docs" / "decisions" / "0011-dependencies.md").read_text()
    assert sorted(name for name in names if not name.startswith("types-") and f"`{name}`" not in reasons) == []


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version in headings[:2]
    assert headings[0] in ("Unreleased", version)
