"""When a pipeline's DAG runs by itself, as Airflow's scheduler computes it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, MultipleCronTriggerTimetable
from airflow.timetables.base import TimeRestriction

from gennaker.compile import compile_pipeline
from gennaker.schedule import schedule_of
from tests.gennaker.builders import HEAD, problems, resolve
from tests.gennaker.dags import restored

MORNING = 'schedule: {cron: "0 10 * * *"}'
EVENING = 'schedule: {cron: "0 18 * * *"}'


def schedule(folder: Path, *triggers: str) -> Any:
    """The schedule of a pipeline with these triggers."""
    return schedule_of(resolve(folder, a_file(*triggers)))


def a_file(*triggers: str) -> str:
    lines = "".join(f"  - {trigger}\n" for trigger in triggers)
    return f"{HEAD}{'triggers:' if triggers else ''}\n{lines}stages: [bake-image]\n"


def names(assets: AssetAny) -> list[str]:
    return [asset.name for asset in assets.objects]


def first_run(folder: Path, *triggers: str) -> datetime:
    """When a DAG that Airflow sees for the first time runs first."""
    dag = restored(compile_pipeline(resolve(folder, a_file(*triggers))))
    restriction = TimeRestriction(earliest=dag.start_date, latest=None, catchup=dag.catchup)
    found = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert isinstance(found.run_after, datetime)
    return found.run_after


def test_without_triggers_only_people_and_ci_start_runs(tmp_path: Path) -> None:
    assert schedule(tmp_path) is None


def test_one_cron_is_kept_in_its_own_time_zone(tmp_path: Path) -> None:
    found = schedule(tmp_path, 'schedule: {cron: "0 10 * * MON-FRI", timezone: America/Los_Angeles}')
    assert isinstance(found, CronTriggerTimetable)
    assert (found.expression, str(found.timezone)) == ("0 10 * * MON-FRI", "America/Los_Angeles")


def test_several_crons_run_at_each_of_their_times(tmp_path: Path) -> None:
    found = schedule(tmp_path, MORNING, EVENING)
    assert isinstance(found, MultipleCronTriggerTimetable)
    assert first_run(tmp_path, MORNING, EVENING).hour in (10, 18)


def test_crons_in_different_time_zones_are_refused_where_they_are_written(tmp_path: Path) -> None:
    paris = 'schedule: {cron: "0 18 * * *", timezone: Europe/Paris}'
    assert problems(tmp_path, a_file(MORNING, paris)) == [
        "6:46: timezone: expected UTC as in the schedule before, found Europe/Paris"
    ]


@pytest.mark.parametrize(
    ("trigger", "name"),
    [
        ("git: {repo: netflix/playback, branch: stable}", "git:netflix/playback@stable"),
        ("artifact: {name: demo}", "artifact:demo/demo"),
        ("webhook: {source: ci}", "webhook:ci"),
    ],
)
def test_what_others_publish_is_an_asset(tmp_path: Path, trigger: str, name: str) -> None:
    assert names(schedule(tmp_path, trigger)) == [name]


def test_any_of_several_events_starts_a_run(tmp_path: Path) -> None:
    found = schedule(tmp_path, "git: {repo: a/b}", "webhook: {source: ci}")
    assert isinstance(found, AssetAny)
    assert names(found) == ["git:a/b@main", "webhook:ci"]


def test_events_and_times_both_start_runs(tmp_path: Path) -> None:
    found = schedule(tmp_path, "webhook: {source: ci}", MORNING, EVENING)
    assert isinstance(found, AssetOrTimeSchedule)
    assert names(found.asset_condition) == ["webhook:ci"]
    assert isinstance(found.timetable, MultipleCronTriggerTimetable)


@pytest.mark.parametrize("others", [[], [MORNING], ["webhook: {source: ci}"]], ids=["alone", "another", "an event"])
def test_a_new_dag_first_runs_at_its_next_time_however_short_ago_the_last_one_was(
    tmp_path: Path, others: list[str]
) -> None:
    now = datetime.now(UTC)
    just_gone = now - timedelta(minutes=2)
    found = first_run(tmp_path, f'schedule: {{cron: "{just_gone.minute} {just_gone.hour} * * *"}}', *others)
    assert now < found <= now + timedelta(days=1)
