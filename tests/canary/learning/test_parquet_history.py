"""A history on disk is the one that was written."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from canary import CanaryConfig, Look
from canary.errors import CanaryError
from canary.learning.parquet_history import ParquetHistory, write_history
from canary.learning.recorded import Batch, Truth, batches_of
from canary.learning.stopped import stopped
from canary.learning.world import World
from canary.looks import Side
from canary.simulation import BEGIN

CONFIG = CanaryConfig(profile="standard", interval=timedelta(minutes=1))
BATCHES = [stopped(batch, CONFIG) for batch in World(services=4, days=10, seed=2).batches(CONFIG, size=5)]


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches hold the same, what lies after a canary's last look aside from its length."""
    values = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Batch)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_history(tmp_path / "history", BATCHES)
    return tmp_path / "history"


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    history = ParquetHistory(folder)

    assert all(same(read, written) for read, written in zip(history.batches(), BATCHES, strict=True))
    assert history.canaries() == sorted(
        chain.from_iterable(batch.canaries for batch in BATCHES), key=lambda each: (each.at, each.id)
    )


def test_parts_are_cut_to_the_size_that_is_asked_for(folder: Path) -> None:
    sizes = [len(batch.canaries) for batch in ParquetHistory(folder).batches(2)]

    assert max(sizes) == 2
    assert sum(sizes) == sum(len(batch.canaries) for batch in BATCHES)


def test_pandas_reads_canaries_and_looks(folder: Path) -> None:
    looks = pd.read_parquet(folder / "canaries.parquet").merge(pd.read_parquet(folder / "looks"), on="id")

    assert len(looks) == sum(int(batch.looks.sum()) for batch in BATCHES)
    assert set(looks["truth"]) <= {truth.value for truth in Truth}


def test_canaries_without_latency_or_truth_come_back(tmp_path: Path) -> None:
    recorded = replace(BATCHES[0].canaries[0], truth=None, truth_source="", reason="héhé\n")
    looks = [Look(BEGIN + timedelta(minutes=each), Side(each, 0), Side(each, 0), 0.5) for each in range(3)]
    (batch,) = batches_of([(recorded, looks)])
    write_history(tmp_path / "history", [batch])

    (read,) = ParquetHistory(tmp_path / "history").batches()
    assert same(read, batch)


def test_an_empty_history_has_no_canaries(tmp_path: Path) -> None:
    write_history(tmp_path / "history", [])

    assert ParquetHistory(tmp_path / "history").canaries() == []
    assert list(ParquetHistory(tmp_path / "history").batches()) == []


def test_a_history_is_replaced_whole_or_not_at_all(folder: Path) -> None:
    def broken() -> Iterator[Batch]:
        yield BATCHES[0]
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_history(folder, broken())
    assert len(list(ParquetHistory(folder).batches())) == len(BATCHES)

    write_history(folder, BATCHES[:1])
    assert len(list(ParquetHistory(folder).batches())) == 1
    assert [each.name for each in folder.parent.iterdir()] == ["history"]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")

    with pytest.raises(CanaryError, match="not empty"):
        write_history(tmp_path, BATCHES)
    assert (tmp_path / "thesis.txt").read_text() == "three years"


@pytest.mark.parametrize("name", ["canaries.parquet", "looks/part-00000.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 rubbish PAR1"])
def test_a_missing_or_malformed_file_is_named(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)

    with pytest.raises(CanaryError, match=name):
        list(ParquetHistory(folder).batches())


def test_parts_that_do_not_fit_their_list_are_refused(folder: Path) -> None:
    (folder / "looks/part-00000.parquet").write_bytes((folder / "looks/part-00001.parquet").read_bytes())

    with pytest.raises(CanaryError, match="other canaries than are listed"):
        list(ParquetHistory(folder).batches())
