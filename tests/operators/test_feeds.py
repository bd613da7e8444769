"""Metrics from metric sources are judged beside the router's own, and one that cannot be read stops nothing."""

from dataclasses import replace
from pathlib import Path

from canary import Verdict
from operators.records import Records
from operators.watch import Watch, stored_looks
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.release import ENVIRONMENT
from tests.fakes.traffic import traffic
from tests.fakes.watching import a_watcher, watch_alone, watch_on
from tests.operators.test_watch import a_canary

ERRORS = {"name": "error_rate", "tolerance": 1.2, "margin": 3, "negligible": 0.02}
FAILURES = {
    "name": "checkout_failures",
    "kind": "counts",
    "margin": 3,
    "negligible": 0.02,
    "source": "shop",
    "query": {
        "events": 'metric="failures", group="${scope}", region="${location}"',
        "requests": 'metric="checkouts", group="${scope}", region="${location}"',
    },
}


def a_shop(file: Path, watch: Watch, harm: float) -> Watch:
    """The watch, with a metric store in which 100 checkouts a second are counted for each group."""
    begin = Clock().now.timestamp()
    rows = ["time,value,metric,group,region"]
    for group, share in ((watch.control, 0.0), (watch.canary, harm)):
        for second in range(-10, 100):
            count = 1000 + 100 * second
            for metric, value in (("checkouts", count), ("failures", round(count * share))):
                rows.append(f"{begin + second},{value},{metric},{group},{watch.region}")
    file.write_text("\n".join(rows) + "\n")
    sources = {"shop": {"type": "files", "path": str(file), "fidelity": "counter"}}
    return replace(watch, environment=replace(ENVIRONMENT, sources=sources).to_json())


def a_watch(records: Records, cloud: MemoryCloud) -> Watch:
    watch = a_canary(records, cloud, metrics=[ERRORS, FAILURES])
    cloud.traffic = traffic(watch.control, watch.canary)
    return watch


def test_harm_that_only_a_metric_source_shows_is_found_and_cut(
    records: Records, cloud: MemoryCloud, tmp_path: Path
) -> None:
    watch = a_shop(tmp_path / "shop.csv", a_watch(records, cloud), harm=0.2)
    judgment = watch_alone(watch, records, Clock()).judgment
    assert (judgment.verdict, judgment.decided_by) == (Verdict.FAIL, "checkout_failures")
    assert watch.canary not in cloud.weights(ENVIRONMENT.cluster("playback", watch.region))


def test_a_metric_that_cannot_be_read_never_passes_and_the_others_are_judged(
    records: Records, cloud: MemoryCloud, tmp_path: Path
) -> None:
    watch = a_shop(tmp_path / "shop.csv", a_watch(records, cloud), harm=0.0)
    (tmp_path / "shop.csv").unlink()
    judgment = watch_alone(watch, records, Clock()).judgment
    errors, failures = judgment.metrics
    assert (judgment.verdict, errors.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert failures.outcome == "unreachable"
    assert "shop.csv" in judgment.reason


def test_a_watch_that_is_started_again_counts_from_where_it_began(
    records: Records, cloud: MemoryCloud, tmp_path: Path
) -> None:
    watch = a_shop(tmp_path / "shop.csv", a_watch(records, cloud), harm=0.0)
    clock = Clock()
    steady = a_watcher(watch, records, clock)
    for _ in range(8):
        steady.look()
        clock.go_on()
    judgment = watch_on(lambda: a_watcher(watch, records, clock), clock).judgment
    looks = stored_looks(records, watch.judgment)
    counts = [look.canary.samples["checkout_failures"] for look in looks[1:]]
    assert [getattr(count, "requests", None) for count in counts] == [100 * look for look in range(1, len(looks))]
    assert judgment.verdict is Verdict.PASS
