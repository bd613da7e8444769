"""The looks of a judgment as a table, for whoever reads them without Gennaker."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.records.record import Json, canonical


@dataclass(frozen=True, slots=True)
class LooksTable:
    """Looks as Parquet, and what MLflow is told of them as a dataset.

    Args:
        content: the file; the same looks give the same bytes.
        digest: of the content, 16 hexadecimal digits.
        schema: names and types of its columns, as MLflow's JSON.
        rows: how many looks.
    """

    content: bytes
    digest: str
    schema: str
    rows: int


def table_of(looks: Sequence[Mapping[str, Json]]) -> LooksTable:
    """One row a look: `at`, `canary_share`, `step`, and for `baseline_` and `canary_` each
    `requests`, `errors`, `latency` (requests by bucket), `edges_ms` and `samples` (JSON).

    Counters are cumulative, as they were stored.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: list[tuple[str, Any]] = [("at", pa.string()), ("canary_share", pa.float64()), ("step", pa.string())]
    for side in ("baseline", "canary"):
        columns += [(f"{side}_requests", pa.int64()), (f"{side}_errors", pa.int64())]
        columns += [(f"{side}_latency", pa.list_(pa.int64())), (f"{side}_edges_ms", pa.list_(pa.float64()))]
        columns += [(f"{side}_samples", pa.string())]
    table = pa.Table.from_pylist([_row(look) for look in looks], schema=pa.schema(columns))
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    content = file.getvalue()
    spec = [{"name": name, "type": str(kind), "required": True} for name, kind in columns]
    digest = hashlib.sha256(content).hexdigest()[:16]
    return LooksTable(content, digest, json.dumps({"columns": spec}), len(looks))


def _row(look: Mapping[str, Any]) -> dict[str, Any]:
    row = {"at": look["at"], "canary_share": look["canary_share"], "step": look["step"]}
    for side in ("baseline", "canary"):
        told = look[side]
        row |= {f"{side}_{name}": told[name] for name in ("requests", "errors", "latency", "edges_ms")}
        row[f"{side}_samples"] = canonical(told.get("samples", {}))
    return row
