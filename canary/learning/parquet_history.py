"""A history on disk, as Parquet that pandas and others read too.

`canaries.parquet` has a row for each canary, `looks/part-00000.parquet` and so on one for each look:

pandas.read_parquet(folder / "canaries.parquet").merge(pandas.read_parquet(folder / "looks"), on="id")
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from canary.config import CanaryConfig
from canary.errors import CanaryError
from canary.judgment import Verdict
from canary.learning.recorded import Batch, Recorded, Truth, part_of

if TYPE_CHECKING:
    import pyarrow as pa

_CANARIES: Final = "canaries.parquet"
_LOOKS: Final = "looks"
_SIDES: Final = ("baseline", "canary")
#: Where a part's latency edges stand, as JSON, in the metadata of its schema.
_EDGES: Final = b"edges_ms"


class ParquetHistory:
    """The history that `write_history` wrote; one part of it at a time is in memory.

    Args:
        folder: where it is.

    Raises:
        CanaryError: where there is none, or what is there is no history.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._canaries = _read_canaries(folder)

    def canaries(self) -> list[Recorded]:
        """What is known of each, in the order they began."""
        found = [canary for part in self._canaries.values() for canary in part]
        return sorted(found, key=lambda canary: (canary.at, canary.id))

    def batches(self, size: int = 500) -> Iterator[Batch]:
        """All of them with their looks, at most `size` at a time, in the order they were written."""
        for part, canaries in self._canaries.items():
            batch = _read_looks(self._folder / _LOOKS / _name(part), tuple(canaries))
            for begin in range(0, len(canaries), size):
                yield part_of(batch, slice(begin, begin + size)) if len(canaries) > size else batch


def write_history(folder: Path, batches: Iterable[Batch]) -> None:
    """Writes batches as a history; where the writing is broken off, `folder` is as it was before.

    Args:
        folder: made, or replaced if it is a history already.
        batches: one part each; one at a time is in memory.

    Raises:
        CanaryError: when `folder` has something else in it.
    """
    import pyarrow.parquet as pq

    if folder.exists() and any(folder.iterdir()) and not (folder / _CANARIES).is_file():
        raise CanaryError(f"{folder} is not empty", why="it holds no history", mend="name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        (made / _LOOKS).mkdir()
        rows: list[dict[str, Any]] = []
        for part, batch in enumerate(batches):
            rows += [_row(canary, part) for canary in batch.canaries]
            pq.write_table(_table(batch), made / _LOOKS / _name(part), compression="zstd")
        pq.write_table(_canary_table(rows), made / _CANARIES, compression="zstd")
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _name(part: int) -> str:
    return f"part-{part:05d}.parquet"


def _row(canary: Recorded, part: int) -> dict[str, Any]:
    return {
        "id": canary.id,
        "run": canary.run,
        "service": canary.service,
        "region": canary.region,
        "at": canary.at,
        "profile": canary.config.profile,
        "version": canary.version,
        "verdict": canary.verdict.value,
        "seconds": canary.seconds,
        "reason": canary.reason,
        "truth": canary.truth and canary.truth.value,
        "truth_source": canary.truth_source,
        "is_simulated": canary.is_simulated,
        "config": canary.config.model_dump_json(),
        "part": part,
    }


def _canary_table(rows: list[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    kinds = {"at": pa.timestamp("us", "UTC"), "version": pa.int64(), "seconds": pa.float64(), "part": pa.int64()}
    kinds["is_simulated"] = pa.bool_()
    texts = ["id", "run", "service", "region", "profile", "verdict", "reason", "truth", "truth_source", "config"]
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in (*texts, *kinds)])
    return pa.Table.from_pylist(rows, schema)


def _table(batch: Batch) -> "pa.Table":
    """A row for each look that was taken, canary after canary."""
    import pyarrow as pa

    is_look = np.arange(batch.seconds.shape[1]) < batch.looks[:, None]
    ids = np.repeat(np.array([canary.id for canary in batch.canaries], object), batch.looks)
    columns: dict[str, Any] = {"id": pa.array(ids, pa.string()), "seconds": batch.seconds[is_look]}
    columns["canary_share"] = batch.share[is_look]
    for which, side in enumerate(_SIDES):
        columns[f"{side}_requests"] = batch.requests[which][is_look]
        columns[f"{side}_errors"] = batch.errors[which][is_look]
        if batch.edges_ms:
            buckets = batch.latency[which][is_look]
            kind = pa.list_(pa.int64(), buckets.shape[1])
            columns[f"{side}_latency"] = pa.FixedSizeListArray.from_arrays(pa.array(buckets.ravel()), type=kind)
    return pa.table(columns).replace_schema_metadata({_EDGES: json.dumps(batch.edges_ms)})


def _read_canaries(folder: Path) -> Mapping[int, list[Recorded]]:
    """The canaries by part, in the order they were written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(folder / _CANARIES).to_pylist()
        configs = {text: CanaryConfig.model_validate_json(text) for text in {row["config"] for row in rows}}
        found: dict[int, list[Recorded]] = {}
        for row in rows:
            found.setdefault(row["part"], []).append(_recorded(row, configs))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise _no_history(folder, error) from error
    return found


def _recorded(row: Mapping[str, Any], configs: Mapping[str, CanaryConfig]) -> Recorded:
    return Recorded(
        id=row["id"],
        run=row["run"],
        service=row["service"],
        region=row["region"],
        at=row["at"],
        config=configs[row["config"]],
        version=row["version"],
        verdict=Verdict(row["verdict"]),
        seconds=row["seconds"],
        reason=row["reason"],
        truth=row["truth"] and Truth(row["truth"]),
        truth_source=row["truth_source"],
        is_simulated=row["is_simulated"],
    )


def _read_looks(path: Path, canaries: tuple[Recorded, ...]) -> Batch:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        ids, looks = _runs_of(table["id"].to_numpy())
        if ids != [canary.id for canary in canaries]:
            raise ValueError("other canaries than are listed")
        edges = tuple(json.loads(table.schema.metadata[_EDGES]))
        return _batch(table, canaries, looks, edges)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise _no_history(path, error) from error


def _runs_of(ids: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names in a row that follow each other, and how often each stands there."""
    begins = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])) if len(ids) else np.zeros(0, int)
    return [str(name) for name in ids[begins]], np.diff(np.append(begins, len(ids)))


def _batch(table: "pa.Table", canaries: tuple[Recorded, ...], looks: np.ndarray, edges: tuple[float, ...]) -> Batch:
    """The rows side by side; a canary with fewer looks repeats its last one."""
    first = np.cumsum(looks) - looks
    places = first[:, None] + np.minimum(np.arange(int(looks.max(initial=0))), looks[:, None] - 1)

    def sides(name: str) -> np.ndarray:
        return np.stack([table[f"{side}_{name}"].to_numpy()[places] for side in _SIDES])

    return Batch(
        canaries=canaries,
        looks=looks.astype(np.int64),
        seconds=table["seconds"].to_numpy()[places],
        share=table["canary_share"].to_numpy()[places],
        requests=sides("requests"),
        errors=sides("errors"),
        latency=np.stack([_buckets(table, side, edges)[places] for side in _SIDES]),
        edges_ms=edges,
    )


def _buckets(table: "pa.Table", side: str, edges: tuple[float, ...]) -> np.ndarray:
    """A side's latency, of shape `(rows, buckets)`."""
    if not edges:
        return np.zeros((table.num_rows, 0), np.int64)
    flat = table[f"{side}_latency"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat).reshape(table.num_rows, len(edges) + 1)


def _no_history(path: Path, error: Exception) -> CanaryError:
    return CanaryError(f"{path} is no history of canaries", why=str(error), mend="write it again with `write_history`")
