"""Points in files: every format reads the same, and a malformed row is named by file and line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, open_source
from tests.canary.sources.stores import END, SPAN

ROWS = [
    {"time": (SPAN.start + timedelta(minutes=minute)).isoformat(), "value": value, "group": group, "pod": "a"}
    for group, values in (("playback-v1", [1.0, 2.0, 4.0]), ("playback-v2", [3.0, None, 9.0]))
    for minute, value in zip((0, 5, 10), values, strict=True)
]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    lines = [",".join(rows[0])] + [",".join("" if each is None else str(each) for each in row.values()) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist([{**row, "time": datetime.fromisoformat(row["time"])} for row in rows]), path)
    return path


def write_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows))
    return path


def write_json_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    nested = [{"time": row["time"], "value": row["value"], "tags": {"group": row["group"], "pod": "a"}} for row in rows]
    path.write_text("\n".join(map(json.dumps, nested)) + "\n\n")
    return path


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], Path]] = {
    "points.csv": write_csv,
    "points.parquet": write_parquet,
    "points.json": write_json,
    "points.jsonl": write_json_lines,
}


def ask(path: Path, text: str = "", scope: str = "", **settings: Any) -> Answer:
    return open_source({"type": "files", "path": path, **settings}).fetch(Query(text), Scope(scope), SPAN)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_series(name: str, tmp_path: Path) -> None:
    answer = ask(WRITERS[name](tmp_path / name, ROWS), 'group="${scope}"', "playback-v2", fidelity="counter")
    assert answer.outcome is Outcome.OK, answer.message
    (series,) = answer.series
    assert series.tags == {"group": "playback-v2", "pod": "a"}
    assert series.fidelity is Fidelity.COUNTER
    assert series.times_s.tolist() == [SPAN.start_s, SPAN.start_s + 300, SPAN.end_s]
    assert np.array_equal(series.values, [3.0, np.nan, 9.0], equal_nan=True)


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ROWS[:3])
    write_json(tmp_path / "b.json", ROWS[3:])
    (tmp_path / "notes.txt").write_text("not read")
    assert [series.tags["group"] for series in ask(tmp_path).series] == ["playback-v1", "playback-v2"]


def test_labels_may_be_given_as_options(tmp_path: Path) -> None:
    source = open_source({"type": "files", "path": write_csv(tmp_path / "a.csv", ROWS)})
    answer = source.fetch(Query(options={"group": "${scope}"}), Scope("playback-v1"), SPAN)
    assert answer.series[0].values.tolist() == [1.0, 2.0, 4.0]


def test_labels_that_select_nothing_are_no_match(tmp_path: Path) -> None:
    assert ask(write_csv(tmp_path / "a.csv", ROWS), 'group="elsewhere"').outcome is Outcome.NO_MATCH


def test_rows_of_another_time_are_no_data(tmp_path: Path) -> None:
    old = [{**row, "time": "2020-01-01T00:00:00Z"} for row in ROWS]
    assert ask(write_csv(tmp_path / "a.csv", old)).outcome is Outcome.NO_DATA


def test_rows_without_a_number_are_named(tmp_path: Path) -> None:
    holes = [{**row, "value": "NaN"} for row in ROWS]
    assert ask(write_csv(tmp_path / "a.csv", holes)).outcome is Outcome.NOT_A_NUMBER


def test_rows_that_end_too_early_are_late(tmp_path: Path) -> None:
    answer = ask(write_csv(tmp_path / "a.csv", [ROWS[0]]))
    assert answer.outcome is Outcome.LATE
    assert "600 s before the end" in answer.message


def test_rows_in_disorder_and_twice_are_repaired_and_told(tmp_path: Path) -> None:
    answer = ask(write_csv(tmp_path / "a.csv", [ROWS[2], ROWS[0], {**ROWS[0], "value": 7.0}]))
    assert answer.series[0].values.tolist() == [7.0, 4.0]
    assert [note.rpartition(": ")[2] for note in answer.notes] == [
        "points were out of order",
        "1 points were there twice",
    ]


@pytest.mark.parametrize("time", ["2026-03-01T12:10:00", "2026-03-01T13:10:00+01:00", "1772367000", "1772367000000"])
def test_times_are_read_in_every_common_form(time: str, tmp_path: Path) -> None:
    (series,) = ask(write_csv(tmp_path / "a.csv", [{"time": time, "value": 1}])).series
    assert datetime.fromtimestamp(series.times_s[0], UTC) == END


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "time,value\n2026-03-01T12:00:00Z,1\nyesterday,2\n", "a.csv:3: time is 'yesterday'"),
        ("a.csv", "time,value\n2026-03-01T12:00:00Z,many\n", "a.csv:2: value is 'many'"),
        ("a.csv", "time,value\n2026-03-01T12:00:00Z\n", "a.csv:2: expected 2 columns"),
        ("a.csv", "time,value\n2026-03-01T12:00:00Z,1,2\n", "a.csv:2: expected 2 columns"),
        ("a.csv", "when,value\n1,1\n", "a.csv:2: no column 'time'; there are when, value"),
        ("a.csv", 'time,value\n"2026', "a.csv: "),
        ("a.jsonl", '{"time": 1772367000, "value": 1}\n{"time":', "a.jsonl:2: not JSON"),
        ("a.jsonl", "[]\n", "a.jsonl:1: expected an object, found list"),
        ("a.jsonl", '{"time": true, "value": 1}', "a.jsonl:1: time is True"),
        ("a.jsonl", '{"time": 1, "value": [1]}', "a.jsonl:1: value is [1]"),
        ("a.jsonl", '{"time": 1, "value": 1, "tags": 3}', "a.jsonl:1: tags are 3"),
        ("a.json", '{"time": 1}', "a.json: expected a list of points, found dict"),
        ("a.json", "[1]", "a.json, point 1: expected an object, found int"),
        ("a.parquet", "not parquet", "a.parquet: "),
        ("a.csv", "time,value\n\udcff,1", "a.csv: "),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))
    answer = ask(tmp_path / name)
    assert answer.outcome is Outcome.MALFORMED
    assert told in answer.message


def test_a_file_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    assert ask(tmp_path / "nowhere.csv").outcome is Outcome.UNREACHABLE
    assert ask(tmp_path).outcome is Outcome.UNREACHABLE, "a folder without such a file"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<points/>")
    assert ask(tmp_path / "a.xml").outcome is Outcome.REFUSED


def test_an_empty_file_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,value\n")
    assert ask(tmp_path / "a.csv").outcome is Outcome.NO_MATCH


def test_a_query_that_is_not_labels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CanaryError, match="expected name="):
        ask(tmp_path, "group == here")


def test_a_label_may_hold_a_comma(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", [{"time": SPAN.end_s, "value": 1, "zone": "a, b"}])
    assert ask(path, '{zone="a, b", }').outcome is Outcome.OK
