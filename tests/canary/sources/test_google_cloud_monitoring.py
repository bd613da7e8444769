"""Google Cloud Monitoring: filters, alignment, pages, kinds of values, and tokens."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, Span
from tests.canary.sources.recorded import GOOGLE, MINUTES, SCOPE, SECRET, google_series, iso, opened, secret
from tests.canary.sources.stores import SPAN, Asked, Said, a_store

__all__ = ["secret"]

RAW = {"metric_type": "custom.googleapis.com/errors", "resource_type": "global", "per_series_aligner": "ALIGN_NONE"}


def ask(url: str, text: str = "", scope: Scope = SCOPE, span: Span = SPAN, **options: str | tuple[str, ...]) -> Answer:
    return GOOGLE.open(url).fetch(Query(text, options), scope, span)


def sent(text: str = "", scope: Scope = SCOPE, span: Span = SPAN, **options: str | tuple[str, ...]) -> dict[str, str]:
    with a_store(lambda _: Said({"timeSeries": [google_series(MINUTES)]})) as store:
        ask(store.url, text, scope, span, **options)
    return dict(store.asked[0].params)


K8S = {"location": "eu", "pod_name": "p", "user_labels.app": "playback", "other": "no"}


@pytest.mark.parametrize(
    ("resource", "parameters", "expected"),
    [
        (
            "gce_instance",
            {"project": "p2"},
            'project="p2" AND metadata.user_labels."spinnaker-region"="us-east-1"'
            ' AND metadata.user_labels."spinnaker-server-group"="playback-v2"',
        ),
        (
            "aws_ec2_instance",
            {},
            'resource.labels.region="aws:us-east-1" AND metadata.user_labels."aws:autoscaling:groupname"="playback-v2"',
        ),
        (
            "gae_app",
            {"service": "web"},
            'project="playground" AND resource.labels.version_id="playback-v2" AND resource.labels.module_id="web"',
        ),
        (
            "k8s_pod",
            K8S,
            'project="playground" AND resource.labels.location="eu" AND resource.labels.pod_name="p"'
            ' AND metadata.user_labels."app"="playback"',
        ),
        ("gke_container", {"zone": 'a"b'}, 'project="playground" AND resource.labels.zone="a\\"b"'),
        ("global", {}, ""),
    ],
)
def test_a_filter_is_made_of_the_resource_type_and_the_scope_as_in_kayenta(
    resource: str, parameters: dict[str, str], expected: str
) -> None:
    params = sent(scope=replace(SCOPE, parameters=parameters), metricType="m", resourceType=resource)
    assert params["filter"] == f'metric.type="m" AND resource.type="{resource}"' + (expected and f" AND {expected}")


def test_a_filter_of_its_own_needs_no_resource_type() -> None:
    assert sent('metric.labels.group="${scope}"', metricType="m")["filter"] == (
        'metric.type="m" AND metric.labels.group="playback-v2"'
    )


@pytest.mark.parametrize(
    ("scope", "options", "message"),
    [
        (SCOPE, {}, "names no metric"),
        (SCOPE, {"metricType": "m"}, "no filter is known"),
        (SCOPE, {"metricType": "m", "resourceType": "other"}, "no filter is known"),
        (Scope("a"), {"metricType": "m", "resourceType": "gce_instance"}, "the location is empty"),
        (Scope("", "b"), {"metricType": "m", "resourceType": "gae_app"}, "the scope is empty"),
    ],
)
def test_a_query_that_cannot_be_made_is_an_error(scope: Scope, options: dict[str, str], message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        ask("http://127.0.0.1:1", "", scope, **options)


def test_kayentas_defaults_hold_and_the_scope_may_say_otherwise() -> None:
    params = sent("a=b", metricType="m")
    assert params["aggregation.perSeriesAligner"] == "ALIGN_MEAN"
    assert params["aggregation.crossSeriesReducer"] == "REDUCE_MEAN"
    given = replace(SCOPE, parameters={"perSeriesAligner": "ALIGN_MAX", "resourceType": "global"})
    params = sent("a=b", given, metricType="m", crossSeriesReducer="REDUCE_MAX", groupByFields=("resource.label.zone",))
    assert params["aggregation.perSeriesAligner"] == "ALIGN_MAX"
    assert params["aggregation.crossSeriesReducer"] == "REDUCE_MAX"
    assert params["aggregation.groupByFields"] == "resource.label.zone"
    assert 'resource.type="global"' in params["filter"]


def test_alignment_is_a_minute_at_least_and_cuts_alike_for_each_look() -> None:
    short = Span(SPAN.start + timedelta(seconds=7), SPAN.end + timedelta(seconds=22), timedelta(seconds=15))
    with a_store(lambda _: Said({"timeSeries": [google_series(MINUTES)]})) as store:
        answer = ask(store.url, "a=b", span=short, metricType="m")
    params = store.asked[0].params
    assert params["aggregation.alignmentPeriod"] == "60s"
    assert (params["interval.startTime"], params["interval.endTime"]) == (iso(SPAN.start_s), iso(SPAN.end_s))
    assert "60 s at least" in answer.notes[0]


@pytest.mark.parametrize(
    ("kind", "fidelity"),
    [("CUMULATIVE", Fidelity.COUNTER), ("DELTA", Fidelity.COUNT), ("GAUGE", Fidelity.GAUGE)],
)
def test_raw_values_are_what_the_metric_is(kind: str, fidelity: Fidelity) -> None:
    with a_store(lambda _: Said({"timeSeries": [google_series(MINUTES, kind)]})) as store:
        (series,) = ask(store.url, **RAW).series
    assert series.fidelity is fidelity
    shift = 0 if fidelity is Fidelity.COUNT else 60
    assert series.times_s.tolist() == [at_s + shift for at_s, _ in MINUTES], "only counts are told from their start"
    assert not [name for name in store.asked[0].params if name.startswith("aggregation")]


@pytest.mark.parametrize(
    ("aligner", "reducer", "fidelity"),
    [
        ("ALIGN_DELTA", "REDUCE_NONE", Fidelity.COUNT),
        ("ALIGN_SUM", "REDUCE_SUM", Fidelity.COUNT),
        ("ALIGN_DELTA", "REDUCE_MEAN", Fidelity.SMOOTHED),
        ("ALIGN_RATE", "REDUCE_SUM", Fidelity.SMOOTHED),
        ("ALIGN_PERCENTILE_99", "REDUCE_NONE", Fidelity.SMOOTHED),
    ],
)
def test_only_sums_of_deltas_are_counts(aligner: str, reducer: str, fidelity: Fidelity) -> None:
    with a_store(lambda _: Said({"timeSeries": [google_series(MINUTES)]})) as store:
        answer = ask(store.url, "a=b", metricType="m", perSeriesAligner=aligner, crossSeriesReducer=reducer)
    assert answer.series[0].fidelity is fidelity


def test_a_series_may_be_spread_over_pages() -> None:
    pages = {"": (MINUTES[5:], "older"), "older": (MINUTES[:5], "")}

    def page(asked: Asked) -> Said:
        points, after = pages[asked.params.get("pageToken", "")]
        body = {"timeSeries": [google_series(points, group="a")], **({"nextPageToken": after} if after else {})}
        return Said(body)

    with a_store(page) as store:
        (series,) = ask(store.url, **RAW).series
    assert series.values.tolist() == [value for _, value in MINUTES]
    assert series.tags == {"project_id": "playground", "group": "a"}
    assert series.repairs == ()
    assert {name: value for name, value in store.asked[1].params.items() if name != "pageToken"} == store.asked[
        0
    ].params


def test_series_of_different_labels_are_kept_apart() -> None:
    body = {"timeSeries": [google_series(MINUTES, group="a"), google_series(MINUTES, group="b")]}
    with a_store(lambda _: Said(body)) as store:
        assert [each.tags["group"] for each in ask(store.url, **RAW).series] == ["a", "b"]


def test_an_incomplete_answer_is_partial() -> None:
    body = {"timeSeries": [google_series(MINUTES)], "executionErrors": [{"code": 14, "message": "a zone is away"}]}
    with a_store(lambda _: Said(body)) as store:
        answer = ask(store.url, **RAW)
    assert answer.outcome is Outcome.PARTIAL
    assert answer.message == "a zone is away"


def test_a_series_that_exists_and_has_no_points_now_is_no_data() -> None:
    def by_view(asked: Asked) -> Said:
        return Said({"timeSeries": [{"metric": {}}]} if asked.params.get("view") == "HEADERS" else {})

    with a_store(by_view) as store:
        assert ask(store.url, **RAW).outcome is Outcome.NO_DATA
    assert store.asked[1].params["interval.startTime"] == "2026-02-28T12:00:00Z"


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ({"doubleValue": 0.5}, Outcome.OK),
        ({"doubleValue": "NaN"}, Outcome.NOT_A_NUMBER),
        ({"boolValue": True}, Outcome.OK),
        ({"stringValue": "up"}, Outcome.MALFORMED),
        ({"distributionValue": {"count": "3"}}, Outcome.MALFORMED),
    ],
)
def test_each_kind_of_value_is_read_or_named(value: dict[str, Any], outcome: Outcome) -> None:
    series = google_series([MINUTES[-1]], "GAUGE")
    series["points"][0]["value"] = value
    with a_store(lambda _: Said({"timeSeries": [series]})) as store:
        assert ask(store.url, **RAW).outcome is outcome


def test_a_token_in_a_file_may_be_changed_while_running(tmp_path: Path) -> None:
    file = tmp_path / "token"
    seen = []

    def note(asked: Asked) -> Said:
        seen.append(asked.headers["Authorization"])
        return Said({"timeSeries": [google_series(MINUTES)]})

    with a_store(note) as store:
        file.write_text("first-token\n")
        source = opened(
            {"type": "google-cloud-monitoring", "url": store.url, "project": "p", "token": {"file": str(file)}}
        )
        source.fetch(Query("", RAW), SCOPE, SPAN)
        file.write_text("second-token\n")
        source.fetch(Query("", RAW), SCOPE, SPAN)
    assert seen == ["Bearer first-token", "Bearer second-token"]


def service_account(token_url: str, path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    fields = {
        "type": "service_account",
        "client_email": "canary@playground.iam.gserviceaccount.com",
        "private_key": pem,
        "private_key_id": "1",
        "project_id": "playground",
        "token_uri": token_url,
    }
    path.write_text(json.dumps(fields))
    return path


def test_a_service_account_is_used_where_no_token_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def google(asked: Asked) -> Said:
        if asked.path == "/token":
            is_ours = asked.params["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            return Said({"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"}, 200 if is_ours else 400)
        is_ours = asked.headers.get("Authorization") == f"Bearer {SECRET}"
        return Said({"timeSeries": [google_series(MINUTES)]}, 200 if is_ours else 401)

    with a_store(google) as store:
        file = service_account(f"{store.url}/token", tmp_path / "account.json")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        source = opened({"type": "google-cloud-monitoring", "url": store.url, "project": "playground"})
        assert source.fetch(Query("", RAW), SCOPE, SPAN).outcome is Outcome.OK
        assert source.fetch(Query("", RAW), SCOPE, SPAN).outcome is Outcome.OK
    assert [asked.path for asked in store.asked].count("/token") == 1


def test_a_token_that_google_does_not_give_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_store(lambda _: Said({"error": "invalid_grant"}, 400)) as store:
        file = service_account(f"{store.url}/token", tmp_path / "account.json")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        source = opened({"type": "google-cloud-monitoring", "url": store.url, "project": "playground"})
        answer = source.fetch(Query("", RAW), SCOPE, SPAN)
    assert answer.outcome is Outcome.REFUSED
    assert "no access token" in answer.message
