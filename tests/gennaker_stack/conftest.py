"""Builders for the stack's tests; nothing here starts a stack."""

import warnings
from pathlib import Path

import pytest

from gennaker.stack.settings import StackSettings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """Settings of a stack that does not run, in a folder of its own."""
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path / "home"))
    (tmp_path / "dags").mkdir()
    monkeypatch.setenv("GENNAKER_DAGS", str(tmp_path / "dags"))
    return StackSettings(tmp_path / "home", tmp_path / "dags", 18080, 15000)


@pytest.fixture(scope="session")
def airflow_core() -> None:
    """Airflow's server, imported: that alone warns of its own old imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gennaker.ui import pages

        assert pages.app
