"""Pinning: a run is judged by one version of its profile, whatever MLflow does meanwhile."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.config import CanaryConfig
from operators.errors import NoSuchVersion
from operators.learning import pinning
from operators.learning.pinning import Origin, Pin, ProfileUse, fitted, pinned
from operators.learning.profile_version import digest_of, text_of
from operators.learning.profiles import ThresholdProfiles
from operators.learning.registry import Registry
from operators.records import Kind, Records, Subject
from operators.records.redact import redact_body
from tests.fakes.registry import MISSING, a_version, answering
from tests.mlflow_server import MlflowServer

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(Records.open(f"sqlite:///{tmp_path / 'records.db'}")) as records:
        yield records


def config(alpha: float = 0.01, profile: str = "standard", **more: Any) -> CanaryConfig:
    return CanaryConfig.model_validate({"profile": profile, "alpha": alpha, **more})


def use(version: int = 0, profile: str = "standard", **overrides: Any) -> ProfileUse:
    return ProfileUse(profile, config(profile=profile).model_dump(mode="json"), version, overrides)


def a_run(number: int = 1) -> Subject:
    return Subject(run=f"shop/manual__{number}", pipeline="shop", service="cart", stage="canary", region="eu")


def at(url: str) -> Callable[[], Registry | None]:
    return lambda: Registry(url)


def alpha_of(pin: Pin) -> object:
    return pin.settings["alpha"]


def pin(records: Records, url: str, run: int = 1, version: int = 0) -> Pin:
    return pinned(use(version), a_run(run), records, at(url))


def pin_answered(records: Records, run: int, answer: object, version: int = 0, status: int = 200) -> Pin:
    with answering(answer, status) as url:
        return pin(records, url, run, version)


def bodies(records: Records) -> list[Any]:
    return [record.body for record in records.search(kind=Kind.PROFILE) if record.body["event"] == "pinned"]


def test_a_run_pins_the_champion_and_the_next_run_its_successor(mlflow_server: MlflowServer, records: Records) -> None:
    profiles, said = ThresholdProfiles(records, mlflow_server.url), {"who": "ada", "why": "better"}
    asked = use(profile="succession")
    pins = []
    for run, alpha in enumerate((0.02, 0.03)):
        version = profiles.register("succession", config(alpha), **said, provenance={})
        profiles.make_champion("succession", version, **said)
        pins += [pinned(asked, a_run(run), records, at(mlflow_server.url)) for _ in range(2)]
    again = pinned(asked, a_run(0), records, at(mlflow_server.url))
    assert [(found.version, alpha_of(found)) for found in (*pins, again)] == [
        (1, 0.02), (1, 0.02), (2, 0.03), (2, 0.03), (1, 0.02),
    ]  # fmt: skip
    first, second = bodies(records)
    assert (first["origin"], first["version"], first["settings"]["alpha"]) == ("registry", 1, 0.02)
    assert second["digest"] == digest_of(text_of(second["settings"])) == profiles.version("succession", 2).digest
    by_number = pinned(use(1, profile="succession"), a_run(2), records, at(mlflow_server.url))
    assert (by_number.version, by_number.origin) == (1, Origin.REGISTRY)


def test_a_version_that_mlflow_has_not_is_an_error_and_pins_nothing(
    mlflow_server: MlflowServer, records: Records
) -> None:
    profiles, asked = ThresholdProfiles(records, mlflow_server.url), use(1, profile="missing")
    with pytest.raises(NoSuchVersion, match=r"missing has no version 1.*To mend"):
        pinned(asked, a_run(), records, at(mlflow_server.url))
    assert bodies(records) == []
    profiles.register("missing", config(0.02), who="ada", why="now", provenance={})
    assert pinned(asked, a_run(), records, at(mlflow_server.url)).version == 1


def test_without_a_champion_it_is_the_file(mlflow_server: MlflowServer, records: Records) -> None:
    found = pinned(use(profile="nobody"), a_run(), records, at(mlflow_server.url))
    assert (found.version, found.origin, found.why) == (0, Origin.FILE, "no version of nobody is champion")


def test_without_a_server_it_is_the_file(records: Records) -> None:
    found = pinned(use(), a_run(), records, lambda: None)
    assert (found.version, found.origin, found.why) == (0, Origin.FILE, "no MLflow server is known")
    (body,) = bodies(records)
    assert (body["version"], body["settings"]) == (0, use().settings)


def test_with_mlflow_away_it_is_the_last_version_that_a_run_pinned_and_the_record_says_so(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    for run, alpha in enumerate((0.02, 0.03)):
        pin_answered(records, run, a_version(config(alpha), 7 + run))
    with caplog.at_level(logging.INFO, logger="operators.learning.pinning"):
        found = pin(records, NOBODY, run=5)
    assert (found.version, found.origin, alpha_of(found)) == (8, Origin.LAST_PINNED, 0.03)
    body = bodies(records)[-1]
    assert (body["version"], body["origin"]) == (8, "last pinned")
    assert "ConnectError" in body["why"]
    assert "profile_pinned profile=standard version=8 origin=last pinned why=ConnectError" in caplog.text


def test_a_pin_that_was_itself_the_last_pinned_is_one_to_go_by(records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)))
    for run in (2, 3):
        assert pin(records, NOBODY, run).version == 7


def test_with_mlflow_away_and_no_pin_before_it_is_the_file(records: Records) -> None:
    found = pin(records, NOBODY)
    assert (found.version, found.origin) == (0, Origin.FILE)
    assert found.why.endswith("no run has pinned standard before")


@pytest.mark.parametrize(("before", "now"), [(0, 7), (7, 0), (7, 8)])
def test_who_asks_for_something_else_does_not_get_what_was_pinned(before: int, now: int, records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)), version=before)
    assert pin(records, NOBODY, 2, now).origin is Origin.FILE
    assert pin(records, NOBODY, 3, before).origin is Origin.LAST_PINNED


def test_the_last_pin_is_found_behind_many_others(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "_NEWEST", 2)
    pin_answered(records, 1, a_version(config(0.02)))
    for run in range(2, 6):
        pinned(use(profile="quick"), a_run(run), records, lambda: None)
    assert pin(records, NOBODY, 9).version == 7


def test_a_server_that_hangs_is_waited_for_no_longer_than_the_patience(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinning, "PATIENCE_S", 0.2)
    found = pin_answered(records, 1, None)
    assert (found.origin, "no answer within 0.2 s" in found.why) == (Origin.FILE, True)


RUBBISH = [
    (b"<html>It works!</html>", 200),
    (b"", 200),
    (b"[" * 100_000, 200),
    (b"\xff\xfe", 200),
    ([], 200),
    ({}, 200),
    ({"model_version": None}, 200),
    ({"model_version": {"name": "gennaker.profile.standard", "version": "seven", "creation_timestamp": 0}}, 200),
    ({"model_version": {"name": "gennaker.profile.standard", "version": 1, "creation_timestamp": 10**30}}, 200),
    ({"model_version": {"name": "gennaker.profile.standard", "version": 1, "creation_timestamp": 0}}, 200),
    (a_version(config(0.4, profile="other")), 200),
    ({"error_code": "INTERNAL_ERROR", "message": "disk"}, 500),
    ({"error_code": "PERMISSION_DENIED", "message": "who are you"}, 403),
    ({"error_code": "INVALID_PARAMETER_VALUE", "message": "what is that"}, 400),
    (b"not here", 404),
]


@pytest.mark.parametrize(("answer", "status"), RUBBISH)
def test_an_answer_that_makes_no_sense_is_passed_over(answer: object, status: int, records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)))
    found = pin_answered(records, 2, answer, status=status)
    assert (found.version, found.origin, alpha_of(found)) == (7, Origin.LAST_PINNED, 0.02)
    assert found.why


def test_an_answer_without_end_is_read_no_further_than_it_can_be_long(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.learning.registry._LONGEST_ANSWER", 1000)
    assert "longer than 1000 bytes" in pin_answered(records, 1, b" " * 5000).why


def tampered(**changes: Any) -> dict[str, Any]:
    """A version with other settings, and the digest that these have."""
    text = text_of({**config().model_dump(mode="json"), **changes})
    answer = a_version(config())
    answer["model_version"]["tags"] = [
        {"key": "gennaker.settings", "value": text}, {"key": "gennaker.digest", "value": digest_of(text)},
    ]  # fmt: skip
    return answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (a_version(config(0.4), digest="sha256:other"), "not those of its digest"),
        (tampered(alpha=0.9), "alpha: Input should be less than 0.5"),
        (tampered(alpha=None), "alpha"),
        (tampered(metrics=[]), "metrics"),
        (tampered(metrics=[{"name": "error_rate", "margin": 1.1, "tolerance": 2}]), "must be above tolerance"),
        (tampered(nonsense=1), "nonsense"),
        (tampered(interval="0s"), "longer than nothing"),
        (tampered(profile="other"), "the profile 'other'"),
        (
            tampered(metrics=["error_rate", {"name": "x", "kind": "mean", "source": "p", "query": {"token": "abc"}}]),
            "a secret",
        ),
    ],
)
def test_settings_that_no_canary_may_have_are_never_used(answer: object, why: str, records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)))
    found = pin_answered(records, 2, answer)
    assert (found.origin, alpha_of(found)) == (Origin.LAST_PINNED, 0.02)
    assert why in found.why


def test_a_version_that_is_not_what_was_registered_is_never_used(mlflow_server: MlflowServer, records: Records) -> None:
    said = {"who": "ada", "why": "better"}
    profiles = ThresholdProfiles(records, mlflow_server.url)
    profiles.make_champion("poisoned", profiles.register("poisoned", config(0.02), **said, provenance={}), **said)
    found = pinned(use(profile="poisoned"), a_run(1), records, at(mlflow_server.url))
    assert alpha_of(found) == 0.02
    with answering(a_version(config(0.4, profile="poisoned"), 1)) as url:
        after = pinned(use(profile="poisoned"), a_run(2), records, at(url))
    assert (after.origin, alpha_of(after)) == (Origin.LAST_PINNED, 0.02)
    assert "was registered as" in after.why


def test_pins_of_simulated_runs_are_not_gone_by(records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)))
    (body,) = bodies(records)
    worse = config(0.3).model_dump(mode="json")
    more = {"version": 9, "settings": worse, "digest": digest_of(text_of(worse)), "simulated": True}
    records.append(Kind.PROFILE, Subject(run="shop/simulated__1"), {**body, **more})
    assert pin(records, NOBODY, 2).version == 7


def test_what_was_pinned_and_can_no_longer_be_used_is_passed_over(records: Records) -> None:
    pin_answered(records, 1, a_version(config(0.02)))
    (body,) = bodies(records)
    for change in ({"settings": {}}, {"digest": "x"}, {"version": "seven"}, {"origin": "elsewhere"}):
        records.append(Kind.PROFILE, Subject(run="shop/other"), {**body, **change})
    assert pin(records, NOBODY, 2).version == 7


def test_of_two_that_pin_at_once_the_first_to_write_counts_for_both(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, read = threading.Barrier(2), pinning._read

    def read_together(*args: Any) -> Any:
        found = read(*args)
        both.wait(timeout=60)
        return found

    monkeypatch.setattr(pinning, "_read", read_together)
    pins: list[Pin] = []
    with answering(a_version(config(0.02), 7)) as one, answering(a_version(config(0.03), 8)) as other:
        threads = [threading.Thread(target=lambda url=url: pins.append(pin(records, url))) for url in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({found.version for found in pins}) == 1
    assert len(bodies(records)) == 1


def test_a_run_that_was_killed_before_it_wrote_its_pin_pins_anew(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(pinning.chain, "append", killed)
        with pytest.raises(Killed):
            pin_answered(records, 1, a_version(config(0.02), 7))
    assert pin_answered(records, 1, a_version(config(0.03), 8)).version == 8
    assert len(bodies(records)) == 1


def test_what_the_stage_says_itself_lies_on_top_of_the_pin(records: Records) -> None:
    with answering(a_version(config(0.02, min_requests=77))) as url:
        found = pin(records, url)
    own = use(duration="20m", metrics=["latency", {"name": "error_rate", "margin": 4}])
    told, of = fitted(own, found, a_run(), records, {})
    assert (told.alpha, told.min_requests, told.duration.total_seconds()) == (0.02, 77, 1200)
    assert [(metric.name, metric.margin) for metric in told.metrics] == [("latency", 1.5), ("error_rate", 4)]
    assert (of, len(bodies(records))) == (found, 1)


def with_source(name: str) -> CanaryConfig:
    metric = {"name": "queue", "kind": "gauge", "source": name, "query": {"expr": "x"}}
    return config(metrics=["error_rate", metric])


@pytest.mark.parametrize(
    ("of_registry", "own", "why"),
    [
        (config(0.02, min_duration="10m"), {"duration": "5m"}, "min_duration must not be longer than duration"),
        (with_source("prometheus"), {}, "the environment has no metric source prometheus"),
    ],
)
def test_where_the_pin_does_not_fit_the_stage_it_is_the_file_and_a_record_says_why(
    of_registry: CanaryConfig, own: dict[str, Any], why: str, records: Records
) -> None:
    found = pin_answered(records, 1, a_version(of_registry))
    for _ in range(2):
        told, of = fitted(use(**own), found, a_run(), records, {})
        assert (told.alpha, of.version, of.origin) == (0.01, 0, Origin.FILE)
    first, second = records.search(kind=Kind.PROFILE)
    assert (first.subject.stage, second.subject.stage) == ("", "canary")
    assert why in str(second.body["why"])
    told, of = fitted(use(), found, a_run(), records, {"prometheus": {}})
    assert of.version == 7
    assert pin(records, NOBODY, 2).version == 7


def test_a_file_with_what_looks_like_a_secret_is_used_as_it_is(records: Records) -> None:
    metric = {"name": "x", "kind": "mean", "source": "p", "query": {"token": "abc"}}
    settings = config(metrics=["error_rate", metric]).model_dump(mode="json")
    asked = ProfileUse("standard", settings)
    assert redact_body(settings) != settings
    pins = [pinned(asked, a_run(), records, lambda: None) for _ in range(2)]
    assert [found.settings for found in pins] == [settings, settings]
    assert "abc" not in json.dumps(bodies(records))


def test_what_mlflow_says_is_missing_is_missing_for_the_champion_too(records: Records) -> None:
    assert pin_answered(records, 1, MISSING, status=404).why == "no version of standard is champion"


names = st.sampled_from(["error_rate", "latency"])
metrics = st.lists(
    st.builds(lambda name, margin: {"name": name, "margin": margin}, names, st.floats(1.5, 9)), max_size=2,
    unique_by=lambda metric: metric["name"],
)  # fmt: skip


@given(metrics=metrics, alpha=st.floats(1e-6, 0.4), interval=st.sampled_from([None, "7s", "1m"]))
def test_laying_over_the_whole_settings_is_laying_over_what_the_file_says(
    metrics: list[dict[str, Any]], alpha: float, interval: str | None
) -> None:
    own = {"alpha": alpha, "metrics": [{"name": "error_rate", "tolerance": 1.2}, "latency"]}
    overrides = {"metrics": metrics} if metrics else {}
    overrides |= {"interval": interval} if interval else {}
    of_file = CanaryConfig.from_profile("p", {"p": own})
    whole = ProfileUse("p", of_file.model_dump(mode="json"), overrides=overrides)
    assert pinning._laid_over(whole.settings, whole) == CanaryConfig.from_profile("p", {"p": own}, overrides)
    assert ProfileUse.from_json(json.loads(json.dumps(whole.to_json()))) == whole
