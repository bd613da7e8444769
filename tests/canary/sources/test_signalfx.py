"""SignalFx: programs that are made, streams that end well, break off, stop or fail, and labels."""

from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope
from tests.canary.sources.recorded import (
    ENDED,
    MINUTES,
    SCOPE,
    SIGNALFX,
    START,
    STARTED,
    batch,
    described,
    event,
    informed,
    secret,
    signalfx_body,
)
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]


def ask(url: str, query: Query, scope: Scope = SCOPE, **settings: Any) -> Answer:
    return SIGNALFX.open(url, **settings).fetch(query, scope, SPAN)


def program(query: Query, scope: Scope, **settings: Any) -> str:
    with a_store(lambda _: Said(signalfx_body(MINUTES))) as store:
        ask(store.url, query, scope, **settings)
    return store.asked[0].body.decode()


def answer_to(stream: str) -> Answer:
    with a_store(SIGNALFX.saying(stream.encode())) as store:
        return SIGNALFX.ask(store.url)


def test_a_program_is_made_of_options_and_scope_as_in_kayenta() -> None:
    options: dict[str, str | tuple[str, ...]] = {
        "metricName": "request.count",
        "queryPairs": ("app=cms", "!code=400, 404", "uri=/v2/a=b"),
        "aggregationMethod": "sum",
    }
    scope = Scope("1.0.0", "us-west-2", {"_scope_key": "version", "_location_key": "region", "env": "prod"})
    assert program(Query(options=options), scope) == (
        "data('request.count', filter=filter('app', 'cms') and (not filter('code', '400', '404'))"
        " and filter('uri', '/v2/a=b') and filter('version', '1.0.0') and filter('region', 'us-west-2')"
        " and filter('env', 'prod')).sum(by=['env', 'region', 'version']).publish()"
    )


def test_dimensions_of_scope_and_location_may_be_in_the_settings() -> None:
    made = program(Query(options={"metric_name": "m"}), Scope("it's"), scope_key="version")
    assert made == r"data('m', filter=filter('version', 'it\'s')).mean(by=['version']).publish()"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "empty"),
        ({"metric_name": "m"}, "which dimension is the scope's"),
        ({"metric_name": "m", "scope_key": "a", "query_pairs": ("app",)}, "expected key=value"),
        ({"metric_name": "m", "scope_key": "a", "query_pairs": ("!=x",)}, "expected key=value"),
    ],
)
def test_a_query_that_cannot_be_made_is_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        ask("http://127.0.0.1:1", Query(options=options), Scope("v1"))


def test_values_are_smoothed_unless_the_query_says_otherwise() -> None:
    with a_store(lambda _: Said(signalfx_body(MINUTES))) as store:
        assert ask(store.url, Query("data('a').publish()")).series[0].fidelity is Fidelity.SMOOTHED


def test_each_series_has_the_labels_of_its_metadata() -> None:
    stream = STARTED + described("AAAA", host="a") + described("BBBB", host="b")
    stream += "".join(batch(at_s, AAAA=value, BBBB=1.0) for at_s, value in MINUTES) + batch(START + 30, CCCC=1.0)
    answer = answer_to(stream + ENDED)
    assert [each.tags for each in answer.series] == [{"host": "a"}, {"host": "b"}, {"tsId": "CCCC"}]


def test_several_batches_of_one_moment_belong_together() -> None:
    stream = (
        STARTED + described("AAAA") + described("BBBB") + batch(START + 540, AAAA=1.0) + batch(START + 540, BBBB=2.0)
    )
    assert [each.values.tolist() for each in answer_to(stream + ENDED).series] == [[1.0], [2.0]]


def test_a_series_without_points_is_no_data() -> None:
    stream = STARTED + described("AAAA") + "".join(batch(at_s) for at_s, _ in MINUTES)
    assert answer_to(stream + ENDED).outcome is Outcome.NO_DATA


def test_a_stream_that_breaks_off_is_partial() -> None:
    whole = signalfx_body(MINUTES).decode()
    answer = answer_to(whole.removesuffix(ENDED))
    assert answer.outcome is Outcome.PARTIAL
    assert "breaks off" in answer.message
    assert answer.series[0].values.size == 10


def test_a_limited_set_of_series_is_partial() -> None:
    limited = informed("FIND_LIMITED_RESULT_SET", "WARNING", matchedSize=9000, limitSize=5000)
    answer = answer_to(signalfx_body(MINUTES).decode().replace(ENDED, limited + ENDED))
    assert answer.outcome is Outcome.PARTIAL
    assert "5000 of 9000" in answer.message
    assert answer.notes == ("SignalFx: FIND_LIMITED_RESULT_SET",)


def test_a_coarser_resolution_is_told() -> None:
    answer = answer_to(signalfx_body(MINUTES).decode().replace('"resolutionMs": 60000', '"resolutionMs": 120000'))
    assert "SignalFx gave a point each 120 s" in answer.notes


def test_a_computation_that_is_stopped_is_unreachable() -> None:
    info = {"sf_job_abortState": "ABORTED", "sf_job_abortReason": "too many jobs"}
    answer = answer_to(STARTED + event("control-message", {"event": "CHANNEL_ABORT", "abortInfo": info}))
    assert answer.outcome is Outcome.UNREACHABLE
    assert "too many jobs" in answer.message


def test_a_computation_that_fails_is_refused() -> None:
    errors = [{"code": "ANALYTICS_PROGRAM_NAME_ERROR", "context": {"name": "dat"}}]
    answer = answer_to(STARTED + event("error", {"errors": errors, "event": "error"}))
    assert answer.outcome is Outcome.REFUSED
    assert "ANALYTICS_PROGRAM_NAME_ERROR" in answer.message


@pytest.mark.parametrize("kind", ["expired-tsid", "event", "novelty"])
def test_messages_of_other_kinds_are_left_aside(kind: str) -> None:
    stream = signalfx_body(MINUTES).decode().replace(ENDED, ": a comment\n" + event(kind, {"tsId": "AAAA"}) + ENDED)
    assert answer_to(stream).outcome is Outcome.OK
