"""A cloud in memory, and records in a folder of the test's own."""

from pathlib import Path

import pytest

from operators import clouds, stage
from operators.records import Records
from tests.fakes.cloud import MemoryCloud


@pytest.fixture(autouse=True)
def defers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators park at once instead of looking for a moment first, so that tests see the deferral."""
    monkeypatch.setattr(stage, "LOOKS_BEFORE_DEFERRING", 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder, which operators find by the environment."""
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    for name in ("GENNAKER_RECORDS_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def records(home: Path) -> Records:
    """The records that operators open by default."""
    return Records.open()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> MemoryCloud:
    """The cloud behind every environment."""
    cloud = MemoryCloud()
    monkeypatch.setattr(clouds, "_CLOUDS", {"memory": lambda: cloud, "local": lambda: cloud})
    return cloud
