"""When a pipeline's DAG runs by itself: cron times, and events that others publish."""

from datetime import timedelta
from typing import Any, Final, assert_never

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, MultipleCronTriggerTimetable

from gennaker.model import ArtifactTrigger, GitTrigger, Pipeline, ScheduleTrigger, Trigger, WebhookTrigger

#: How long after its time a new DAG still runs for it: never. Airflow's own default, `False`, is a tenth of
#: the time between two runs, so a new pipeline of weekly releases would release up to 16 hours late.
_LATE_BY: Final = timedelta(0)


def schedule_of(pipeline: Pipeline) -> Any:
    """The DAG's schedule; None when only people and CI start runs.

    Goes with a DAG that has no start date: then a new DAG first runs at its next time, while with
    a start date in the past Airflow would start a run for the last time gone by at once.
    """
    crons = [t for t in pipeline.triggers if isinstance(t, ScheduleTrigger)]
    assets = [_asset(t, pipeline) for t in pipeline.triggers if not isinstance(t, ScheduleTrigger)]
    if crons and assets:
        return AssetOrTimeSchedule(timetable=_timetable(crons), assets=AssetAny(*assets))
    if crons:
        return _timetable(crons)
    return AssetAny(*assets) if assets else None


def _timetable(crons: list[ScheduleTrigger]) -> Any:
    """The times of all, which the check keeps in one time zone."""
    if len(crons) == 1:
        return CronTriggerTimetable(crons[0].cron, timezone=crons[0].timezone, run_immediately=_LATE_BY)
    return MultipleCronTriggerTimetable(*(c.cron for c in crons), timezone=crons[0].timezone, run_immediately=_LATE_BY)


def _asset(trigger: Trigger, pipeline: Pipeline) -> Asset:
    match trigger:
        case GitTrigger():
            return Asset(name=f"git:{trigger.repo}@{trigger.branch}", uri=f"git://{trigger.repo}/{trigger.branch}")
        case ArtifactTrigger():
            return Asset(name=f"artifact:{pipeline.pipeline}/{trigger.name}")
        case WebhookTrigger():
            return Asset(name=f"webhook:{trigger.source}")
        case ScheduleTrigger():
            raise AssertionError("a schedule is not an asset")
        case _:
            assert_never(trigger)
