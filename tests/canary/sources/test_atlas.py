"""Atlas: how the scope is laid over a query, the times of its values, lines and notices."""

from dataclasses import replace

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope
from tests.canary.sources.recorded import ATLAS, ATLAS_EMPTY, MINUTES, START, atlas_body, secret
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]

Q = "name,errors,:eq,:sum"


def ask(url: str, query: Query, scope: Scope) -> Answer:
    return ATLAS.open(url).fetch(query, scope, SPAN)


def sent(query: Query, scope: Scope) -> str:
    with a_store(lambda _: Said(atlas_body(MINUTES))) as store:
        ask(store.url, query, scope)
    return store.asked[0].params["q"]


@pytest.mark.parametrize(
    ("kind", "scope", "expected"),
    [
        ("asg", "playback-v2", "nf.asg,playback-v2,:eq"),
        ("cluster", "playback", "nf.cluster,playback,:eq"),
        ("query", "nf.app,playback,:eq", "nf.app,playback,:eq"),
    ],
)
def test_the_scope_is_laid_over_every_expression_as_in_kayenta(kind: str, scope: str, expected: str) -> None:
    laid_over = f"{Q},:list,(,{expected},:cq,),:each"
    assert sent(Query(Q), Scope(scope, parameters={"type": kind})) == laid_over
    assert sent(Query(Q, {"scope_type": kind}), Scope(scope)) == laid_over


def test_a_query_may_name_the_scope_itself() -> None:
    assert sent(Query(Q + ",nf.cluster,${scope},:eq,:cq"), Scope("v2")) == Q + ",nf.cluster,v2,:eq,:cq"


@pytest.mark.parametrize(
    ("query", "scope", "message"),
    [
        (Query(""), Scope("a", parameters={"type": "asg"}), "empty"),
        (Query(Q), Scope("a"), "all sides alike"),
        (Query(Q), Scope("a", parameters={"type": "region"}), "not known"),
        (Query(Q), Scope("a,:true", parameters={"type": "asg"}), "comma"),
        (Query(Q, {"scope_type": "region"}), Scope("a"), "options"),
    ],
)
def test_a_query_that_cannot_be_made_is_an_error(query: Query, scope: Scope, message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        ask("http://127.0.0.1:1", query, scope)


def test_values_are_smoothed_and_told_from_the_end_of_their_interval_unless_they_are_counts() -> None:
    with a_store(lambda _: Said(atlas_body(MINUTES))) as store:
        (series,) = ask(store.url, Query(Q), Scope("a", parameters={"type": "asg"})).series
    assert series.fidelity is Fidelity.SMOOTHED
    assert series.times_s.tolist() == [START + 60 * minute for minute in range(1, 11)]


def test_each_line_is_a_series_with_the_tags_of_the_store() -> None:
    body = {
        **atlas_body([]),
        "legend": ["a", "NO DATA", "b"],
        "metrics": [{"atlas.offset": "0w", "zone": "a"}, {"name": "NO_DATA"}, {"zone": "b"}],
        "values": [[1.0, "NaN", "Infinity"]] * 10,
    }
    with a_store(lambda _: Said(body)) as store:
        answer = ATLAS.ask(store.url)
    assert [each.tags for each in answer.series] == [{"zone": "a"}, {"zone": "b"}]
    assert "10 points are infinite" in answer.notes


def test_what_atlas_notices_is_told() -> None:
    body = {**atlas_body(MINUTES), "notices": ["restricted scope"], "step": 300_000}
    with a_store(lambda _: Said(body)) as store:
        answer = ATLAS.ask(store.url)
    assert answer.notes == ("restricted scope", "Atlas gave a point each 300 s")


@pytest.mark.parametrize("legend", [["a", "b"], []])
def test_a_row_without_a_value_for_each_line_is_malformed(legend: list[str]) -> None:
    with a_store(lambda _: Said({**atlas_body(MINUTES), "legend": legend, "metrics": [{}] * len(legend)})) as store:
        assert ATLAS.ask(store.url).outcome is Outcome.MALFORMED


def test_an_error_of_atlas_is_told() -> None:
    error = {"type": "error", "message": "IllegalStateException: unknown word ':foo'"}
    with a_store(lambda _: Said(error, 400)) as store:
        answer = ATLAS.ask(store.url)
    assert answer.outcome is Outcome.REFUSED
    assert "unknown word" in answer.message


def test_a_line_that_atlas_made_up_is_no_series() -> None:
    with a_store(ATLAS.saying(ATLAS_EMPTY)) as store:
        assert ATLAS.ask(store.url).outcome is Outcome.NO_MATCH


def test_an_atlas_without_a_token_is_asked_without_one() -> None:
    open_one = replace(ATLAS, settings={})
    with a_store(lambda _: Said(atlas_body(MINUTES))) as store:
        open_one.ask(store.url)
    assert "authorization" not in {name.lower() for name in store.asked[0].headers}
