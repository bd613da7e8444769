"""The `gennaker` command as a person meets it."""

import os
import subprocess
import sys
from pathlib import Path

from gennaker.cli import COMMANDS


def _gennaker(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "GENNAKER_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1", **environment}
    command = [sys.executable, "-m", "gennaker.cli", *arguments]
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False, cwd=home)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = _gennaker("--help", home=tmp_path)
    assert done.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in done.stdout


def test_help_is_quick_as_it_imports_nothing_heavy() -> None:
    code = """\
import sys
from gennaker.cli import app
app(["--help"], standalone_mode=False)
heavy = {"airflow", "jinja2", "matplotlib", "mlflow", "networkx", "numpy", "pydantic", "sqlalchemy", "yaml"}
print(*heavy & set(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stderr.strip() == ""


def test_an_error_is_one_message_without_a_traceback(tmp_path: Path) -> None:
    done = _gennaker("up", "--show", home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["there is no stack here. To mend: run `gennaker up`"]


def test_a_wrong_option_is_exit_code_2(tmp_path: Path) -> None:
    assert _gennaker("up", "--sideways", home=tmp_path).returncode == 2


def test_down_where_nothing_runs_is_fine_and_leaves_nothing(tmp_path: Path) -> None:
    done = _gennaker("down", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "The stack is stopped.\n")
    assert list(tmp_path.iterdir()) == []


def test_doctor_of_a_sound_machine_without_a_stack_finds_nothing_broken(tmp_path: Path) -> None:
    done = _gennaker("doctor", home=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "stack: not running" in done.stdout
    assert "to mend: gennaker up" in done.stdout


def test_doctor_says_what_is_broken_and_how_to_mend_it(tmp_path: Path) -> None:
    done = _gennaker("doctor", home=tmp_path, GENNAKER_DAGS=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    (line,) = [number for number, text in enumerate(done.stdout.splitlines()) if text.startswith("broken")]
    assert "to mend: set GENNAKER_DAGS" in done.stdout.splitlines()[line + 1]


def test_doctor_notices_a_package_that_hides_ours(tmp_path: Path) -> None:
    (tmp_path / "other" / "operators").mkdir(parents=True)
    (tmp_path / "other" / "operators" / "__init__.py").write_text("")
    code = f"""\
import importlib.util, sys
from gennaker.stack import checkup
for name in [name for name in sys.modules if name.split('.')[0] == 'operators']:
    del sys.modules[name]
sys.path.insert(0, {str(tmp_path / "other")!r})
print(*[finding.grade for finding in checkup._packages()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fine", "broken"]
