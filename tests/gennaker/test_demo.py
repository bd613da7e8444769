"""The demo's score, and the load that it is made from."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from gennaker.demo.load import Counted, Load, load
from gennaker.demo.scoreboard import REGIONS, ReleaseScore, Score, deviations, table
from gennaker.stack.settings import free_ports
from tests.gennaker.builders import ROOT

LOAD = ROOT / "docker/demo/load.py"


def a_release(version: str, verdict: str = "promoted", back: tuple[str, ...] = ()) -> ReleaseScore:
    promoted = tuple(r for r in REGIONS if r not in back) if verdict == "promoted" or back else ()
    return ReleaseScore(version, verdict, promoted, back, "because", 1.25, 12_345, 0, 0.8, 4.2)


STORY = (
    a_release("1.0.0"),
    a_release("1.1.0"),
    a_release("1.2.0", "rolled back"),
    a_release("1.3.0", "rolled back", ("eu-central-1",)),
)
AS_TOLD = Score(35.0, 200.0, 120_000, 0, STORY)


def told_otherwise(position: int, **otherwise: object) -> Score:
    """The score with one release that came out in another way."""
    releases = list(STORY)
    releases[position] = replace(releases[position], **otherwise)  # type: ignore[arg-type]  # any field
    return replace(AS_TOLD, releases=tuple(releases))


def rendered(releases: tuple[ReleaseScore, ...]) -> list[str]:
    console = Console(width=140, no_color=True)
    with console.capture() as capture:
        console.print(table(releases))
    return capture.get().splitlines()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_story_as_told_has_no_deviation() -> None:
    assert deviations(AS_TOLD) == []


@pytest.mark.parametrize(
    ("position", "otherwise"),
    [
        (0, {"verdict": "failed", "promoted_regions": ()}),
        (1, {"verdict": "rolled back", "promoted_regions": ()}),
        (1, {"promoted_regions": REGIONS[:2]}),
        (2, {"verdict": "promoted", "promoted_regions": REGIONS}),
        (2, {"verdict": "failed"}),
        (2, {"rolled_back_regions": ("us-east-1",)}),
        (3, {"promoted_regions": REGIONS, "rolled_back_regions": ()}),
        (3, {"promoted_regions": (), "rolled_back_regions": REGIONS}),
        (3, {"promoted_regions": REGIONS[1:], "rolled_back_regions": ("us-east-1",)}),
    ],
)
def test_a_release_that_came_out_otherwise_is_a_deviation_with_its_reason(
    position: int, otherwise: dict[str, object]
) -> None:
    (line,) = deviations(told_otherwise(position, **otherwise))
    assert line.startswith(f"{STORY[position].version}: ")
    assert line.endswith(": because")


def test_a_lost_request_is_a_deviation() -> None:
    assert deviations(replace(AS_TOLD, requests_lost=2)) == ["2 of 120000 requests were lost"]


def test_a_release_that_never_was_is_a_deviation() -> None:
    assert deviations(replace(AS_TOLD, releases=STORY[:3])) == ["1.3.0 was never released"]


def test_the_order_of_regions_says_nothing() -> None:
    assert deviations(told_otherwise(1, promoted_regions=REGIONS[::-1])) == []


def test_the_score_is_plain_json() -> None:
    said = json.loads(json.dumps(AS_TOLD.to_json()))
    assert said["seconds_to_first_rollback"] == 200.0
    assert said["releases"][3]["rolled_back_regions"] == ["eu-central-1"]
    keys = {"seconds_to_stack_healthy", "seconds_to_first_rollback", "requests_total", "requests_lost", "releases"}
    assert said.keys() == keys
    wanted = {"version", "verdict", "promoted_regions", "rolled_back_regions", "reason", "minutes", "requests"}
    assert wanted | {"requests_lost", "decision_to_zero_s"} <= said["releases"][0].keys()


def test_the_table_says_where_each_release_went_back_and_how_fast() -> None:
    rows = [line for line in rendered(STORY) if "12,345" in line]
    assert [row.split("│")[1].strip() for row in rows] == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    assert [row.split("│")[3].strip() for row in rows] == ["", "", "canary", "eu-central-1"]
    assert "0.8 s" in rows[2]


def test_the_table_leaves_out_what_was_not_measured() -> None:
    release = replace(STORY[0], decision_to_zero_s=None, first_failure_to_zero_s=None)
    (row,) = [line for line in rendered((release,)) if "1.0.0" in line]
    assert [cell.strip() for cell in row.split("│")[-3:-1]] == ["", ""]


def test_before_its_first_figures_a_load_has_counted_nothing(tmp_path: Path) -> None:
    assert Load(tmp_path / "load.json").counted() == Counted(0, 0)
    assert Load(tmp_path / "load.json").seconds_of("1.0.0", "us-east-1") is None


@pytest.mark.parametrize(("first_failure", "seconds"), [(103.0, 7.0), (None, 10.0)])
def test_a_bad_release_lasted_from_its_first_bad_answer_or_else_its_first_one(
    tmp_path: Path, first_failure: float | None, seconds: float
) -> None:
    seen = {"first_seen": 100.0, "last_seen": 110.0, "first_own_failure": first_failure}
    out = tmp_path / "load.json"
    out.write_text(json.dumps({"targets": {"us-east-1": {"versions": {"1.2.0": seen}}}}))
    assert Load(out).seconds_of("1.2.0", "us-east-1") == seconds
    assert Load(out).seconds_of("1.2.0", "us-west-2") is None
    assert Load(out).seconds_of("1.1.0", "us-east-1") is None


def test_counts_since_an_earlier_time_are_the_difference() -> None:
    assert Counted(100, 3).since(Counted(40, 1)) == Counted(60, 2)


def test_the_load_runs_while_the_block_does_and_no_longer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    before = {child.pid for child in psutil.Process().children()}
    with load(LOAD, {"us-east-1": f"http://127.0.0.1:{port}"}, tmp_path / "new/load.json") as running:
        (child,) = [child for child in psutil.Process().children() if child.pid not in before]
        # Nobody listens, and was never up: that is not yet a request.
        until(lambda: json.loads(running.out.read_text()).get("targets", {}).get("us-east-1", {}).get("not_yet_up", 0))
        assert running.counted() == Counted(0, 0)
        assert running.lost_kinds() == []
    assert not child.is_running()
    assert (tmp_path / "new/load.log").read_bytes() == b""


def test_the_load_ends_with_a_block_that_fails(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}

    def fail() -> None:
        with load(LOAD, {"us-east-1": f"http://127.0.0.1:{free_ports(1)[0]}"}, tmp_path / "load.json"):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert {child.pid for child in psutil.Process().children()} <= before


def test_figures_of_an_earlier_demo_are_not_counted_again(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    out.write_text('{"requests": 99, "lost": 9}')
    with load(LOAD, {"us-east-1": f"http://127.0.0.1:{free_ports(1)[0]}"}, out) as running:
        assert running.counted() == Counted(0, 0)
