"""CloudWatch through boto3: against moto's server, and against recorded shapes for what moto has not."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Source, Span, open_source
from tests.canary.sources.recorded import HIDDEN, MINUTES, SCOPE, SECRET, START, secret
from tests.canary.sources.stores import SPAN, Asked, Said, a_store

__all__ = ["secret"]

NAMESPACE = "Playback"
ERRORS: dict[str, str | tuple[str, ...]] = {
    "namespace": NAMESPACE,
    "metric_name": "Errors",
    "dimensions": ("Group=${scope}", "Region=${location}"),
    "stat": "Sum",
}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a CloudWatch with one metric of one group: minute n has n observations of value 2."""
    import boto3

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        client = boto3.client(
            "cloudwatch",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        dimensions = [{"Name": "Group", "Value": "playback-v2"}, {"Name": "Region", "Value": "us-east-1"}]
        data = [
            {"MetricName": "Errors", "Dimensions": dimensions, "Timestamp": at_s, "Value": 2.0}
            for at_s, count in MINUTES
            for _ in range(int(count or 0))
        ]
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        yield url
    finally:
        server.stop()


def a_source(settings: dict[str, Any]) -> Source:
    keys = {"access_key_id": HIDDEN, "secret_access_key": HIDDEN}
    return open_source({"type": "cloudwatch", "region": "us-east-1", **keys, **settings})


def ask(url: str, text: str = "", span: Span = SPAN, settings: dict[str, Any] | None = None, **options: Any) -> Answer:
    wanted = {**({} if text else ERRORS), **options}
    return a_source({"url": url, **(settings or {})}).fetch(Query(text, wanted), SCOPE, span)


@pytest.mark.parametrize(
    ("stat", "fidelity", "of_minute"),
    [
        ("Sum", Fidelity.COUNT, lambda count: 2 * count),
        ("SampleCount", Fidelity.COUNT, lambda count: count),
        ("Average", Fidelity.SMOOTHED, lambda _: 2.0),
        ("Maximum", Fidelity.SMOOTHED, lambda _: 2.0),
    ],
)
def test_a_metric_is_read_by_its_statistic(
    moto: str, stat: str, fidelity: Fidelity, of_minute: Callable[[float], float]
) -> None:
    answer = ask(moto, stat=stat)
    assert answer.outcome is Outcome.OK, answer.message
    (series,) = answer.series
    assert series.fidelity is fidelity
    assert series.times_s.tolist() == [at_s for at_s, _ in MINUTES]
    assert series.values.tolist() == [of_minute(count) for _, count in MINUTES if count]
    assert answer.asked == f"{stat} of Playback Errors{{Group=playback-v2, Region=us-east-1}}"
    assert SECRET not in repr(answer)


def test_periods_may_be_longer_than_the_step_and_are_not_counted_before_their_end(moto: str) -> None:
    answer = ask(moto, period="240", settings={"late_after": "10m"})
    assert answer.series[0].values.tolist() == [2 * (1 + 2 + 3 + 4.0), 2 * (5 + 6 + 7 + 8.0)]


def test_a_step_is_rounded_up_to_a_minute(moto: str) -> None:
    short = Span(SPAN.start + timedelta(seconds=7), SPAN.end, timedelta(seconds=15))
    (series,) = ask(moto, span=short).series
    assert series.times_s.tolist() == [at_s for at_s, _ in MINUTES[1:]], "the first minute began before the span"


def test_a_metric_that_is_not_there_and_one_without_points_are_told_apart(moto: str) -> None:
    assert ask(moto, metric_name="Nothing").outcome is Outcome.NO_MATCH
    assert ask(moto, dimensions=("Group=playback-v3",)).outcome is Outcome.NO_MATCH
    later = Span(SPAN.start + timedelta(hours=1), SPAN.end + timedelta(hours=1), SPAN.step)
    assert ask(moto, span=later).outcome is Outcome.NO_DATA


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": "45"}, "no period of 45 s"),
        ({"period": "often"}, "options"),
        ({"namespace": ""}, "empty"),
        ({"dimensions": ("Group",)}, "a dimension"),
        ({"dimensions": ("Group=",)}, "a dimension"),
        ({"statistic": "Sum"}, "options"),
    ],
)
def test_a_query_that_cannot_be_asked_is_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        ask("http://127.0.0.1:1", **options)


@pytest.mark.parametrize("settings", [{"profile": "nobody-has-this"}, {"url": "nonsense"}])
def test_settings_that_make_no_client_are_an_error(settings: dict[str, Any]) -> None:
    with pytest.raises(CanaryError, match="CloudWatch cannot be asked"):
        ask("http://127.0.0.1:1", settings=settings)


def result(label: str = "Errors", status: str = "Complete", **more: Any) -> dict[str, Any]:
    times, values = zip(*MINUTES, strict=True)
    return {"Id": "q1", "Label": label, "StatusCode": status, "Timestamps": times, "Values": values, **more}


def cloudwatch(*results: dict[str, Any], **more: Any) -> Callable[[Asked], Said]:
    """A CloudWatch that speaks the JSON protocol, which boto3 prefers; lists no metrics."""
    listing = {"Metrics": []}

    def answer(asked: Asked) -> Said:
        is_data = asked.headers["X-Amz-Target"] == "GraniteServiceVersion20100801.GetMetricData"
        body = {"MetricDataResults": list(results), **more} if is_data else listing
        return Said(body, headers={"Content-Type": "application/x-amz-json-1.0"})

    return answer


def test_percentiles_are_smoothed_and_asked_for_as_such() -> None:
    with a_store(cloudwatch(result())) as store:
        answer = ask(store.url, stat="p99.9")
    assert answer.series[0].fidelity is Fidelity.SMOOTHED
    (query,) = store.asked[0].json["MetricDataQueries"]
    assert query == {
        "Id": "q1",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": "Errors",
                "Dimensions": [
                    {"Name": "Group", "Value": "playback-v2"},
                    {"Name": "Region", "Value": "us-east-1"},
                ],
            },
            "Period": 60,
            "Stat": "p99.9",
        },
    }
    assert store.asked[0].json["StartTime"] == START
    assert store.asked[0].json["EndTime"] == SPAN.end_s
    assert store.asked[0].json["ScanBy"] == "TimestampAscending"
    assert "Credential=s3cret-of-mine/" in store.asked[0].headers["Authorization"], "signed with the key that was given"


def test_an_expression_is_sent_as_it_is_and_its_series_are_told_apart_by_their_labels() -> None:
    search = """SEARCH('{Playback,Group} Group="${scope}"', 'Sum', ${step})"""
    with a_store(cloudwatch(result("a"), result("b"))) as store:
        answer = ask(store.url, search)
    (query,) = store.asked[0].json["MetricDataQueries"]
    assert query["Expression"] == """SEARCH('{Playback,Group} Group="playback-v2"', 'Sum', 60)"""
    assert [(each.tags, each.fidelity) for each in answer.series] == [
        ({"label": "a"}, Fidelity.SMOOTHED),
        ({"label": "b"}, Fidelity.SMOOTHED),
    ]


def test_an_expression_that_selects_nothing_is_no_match() -> None:
    with a_store(cloudwatch()) as store:
        assert ask(store.url, "SEARCH('none', 'Sum', 60)").outcome is Outcome.NO_MATCH


def test_a_series_may_be_spread_over_pages() -> None:
    def page(asked: Asked) -> Said:
        token = asked.json.get("NextToken")
        part = slice(0, 5) if token is None else slice(5, None)
        half = result(status="PartialData" if token is None else "Complete")
        half = {**half, "Timestamps": half["Timestamps"][part], "Values": half["Values"][part]}
        return Said({"MetricDataResults": [half], **({"NextToken": "more"} if token is None else {})})

    with a_store(page) as store:
        answer = ask(store.url)
    assert answer.outcome is Outcome.OK
    assert answer.series[0].values.tolist() == [value for _, value in MINUTES]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Complete", Outcome.OK),
        ("PartialData", Outcome.PARTIAL),
        ("InternalError", Outcome.UNREACHABLE),
        ("Forbidden", Outcome.REFUSED),
    ],
)
def test_what_cloudwatch_says_of_its_result_counts(status: str, outcome: Outcome) -> None:
    with a_store(cloudwatch(result(status=status))) as store:
        assert ask(store.url).outcome is outcome


def test_messages_of_cloudwatch_are_notes() -> None:
    told = [{"Code": "ArithmeticError", "Value": "one value was left out"}]
    with a_store(cloudwatch(result(Messages=told), Messages=told)) as store:
        assert ask(store.url).notes == ("CloudWatch: ArithmeticError one value was left out",)


def an_error(code: str, status: int) -> Said:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "1"}
    return Said({"__type": f"com.amazonaws.cloudwatch#{code}", "message": "not now"}, status, headers)


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("ThrottlingException", 400, Outcome.UNREACHABLE),
        ("InternalServiceFault", 500, Outcome.UNREACHABLE),
        ("LimitExceededException", 429, Outcome.UNREACHABLE),
        ("AccessDeniedException", 403, Outcome.REFUSED),
        ("InvalidParameterValue", 400, Outcome.REFUSED),
    ],
)
def test_an_error_of_aws_is_an_outcome(code: str, status: int, outcome: Outcome) -> None:
    with a_store(lambda _: an_error(code, status)) as store:
        answer = ask(store.url, settings={"attempts": 1})
    assert answer.outcome is outcome
    assert f"{code} not now" in answer.message
    assert len(store.asked) == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceFault"])
def test_a_cloudwatch_that_recovers_is_asked_again(code: str) -> None:
    left = [an_error(code, 500)]
    with a_store(lambda asked: left.pop() if left else cloudwatch(result())(asked)) as store:
        assert ask(store.url, settings={"attempts": 2}).outcome is Outcome.OK


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"\xff", b"{}", b"[]", b"3", b""])
def test_an_answer_of_another_form_is_malformed(body: bytes) -> None:
    with a_store(lambda _: Said(body)) as store:
        assert ask(store.url, settings={"attempts": 1}).outcome is Outcome.MALFORMED


@pytest.mark.parametrize(
    "junk", [{"Timestamps": ["noon"]}, {"Values": [1.0]}, {"Values": ["x"] * 10}, {"Timestamps": None}, {"Values": 3}]
)
def test_a_result_that_does_not_fit_is_malformed(junk: dict[str, Any]) -> None:
    with a_store(cloudwatch({**result(), **junk})) as store:
        assert ask(store.url, settings={"attempts": 1}).outcome is Outcome.MALFORMED


def test_a_cloudwatch_that_is_not_there_is_unreachable() -> None:
    answer = ask("http://127.0.0.1:1", settings={"attempts": 1})
    assert answer.outcome is Outcome.UNREACHABLE


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    over = threading.Event()

    def never(_: Asked) -> Said:
        over.wait(timeout=60)
        return Said()

    with a_store(never) as store:
        try:
            answer = ask(store.url, settings={"attempts": 1, "timeout": timedelta(milliseconds=100)})
        finally:
            over.set()
    assert answer.outcome is Outcome.UNREACHABLE


def test_points_that_are_no_numbers_or_too_old_are_told_apart() -> None:
    with a_store(cloudwatch(result(Values=["NaN"] * 10))) as store:
        assert ask(store.url).outcome is Outcome.NOT_A_NUMBER
    old = result(Timestamps=[START], Values=[1.0])
    with a_store(cloudwatch(old)) as store:
        assert ask(store.url).outcome is Outcome.LATE


def test_no_credentials_are_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    source = open_source({"type": "cloudwatch", "region": "us-east-1", "url": "http://127.0.0.1:1"})
    answer = source.fetch(Query(options=ERRORS), SCOPE, SPAN)
    assert answer.outcome is Outcome.REFUSED
    assert "credentials" in answer.message
