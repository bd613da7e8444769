"""The document's example runs, and each defect that it lists has a test of its number."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "kayenta.md").read_text()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
def test_the_example_of_the_document_runs(code: str) -> None:
    exec(compile(code, "docs/kayenta.md", "exec"), {})


def test_each_defect_of_the_document_has_a_test() -> None:
    tests = (Path(__file__).with_name("test_repaired.py")).read_text()
    listed = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert listed == [str(number) for number in range(1, 11)]
    assert [number for number in listed if f"def test_{number}_" not in tests] == []
