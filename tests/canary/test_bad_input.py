"""Whatever a source shows, every judge gives a judgment: it names what is wrong, judges the rest and passes nothing."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, CanaryError, Judgment, Look, MetricConfig, Side, Verdict, judge, start
from canary.samples import EventCount, Gauge, Histogram, Lacking, Moments, Sample
from tests.canary.builders import BEGIN, a_config, counted

KINDS = ("counts", "events", "histogram", "mean", "gauge")
#: `exact` keeps what other judges do without data, so only what is repaired must never pass.
JUDGES = ("sequential", "kayenta", "argo", "flagger")
MEASURES = {"counts": "error_percent", "events": "per_second", "histogram": "quantile", "mean": "mean", "gauge": "mean"}
EDGES = (10.0, 100.0, 1000.0)
LOOKS = 25


def a_judge(name: str, kinds: tuple[str, ...], **settings: Any) -> CanaryConfig:
    """A judge of one metric for each kind, named like the kind, that gives a verdict within six minutes."""
    metrics = [{"name": kind, "kind": kind, "margin": 5, "negligible": 0.01} for kind in kinds]
    fixed = {"interval": "15s", "min_duration": "1m", "duration": "6m", "metrics": metrics}
    measured = [{"name": kind, "metric": kind, "measure": MEASURES[kind]} for kind in kinds]
    own: dict[str, Any] = {"judge": "threshold"}
    match name:
        case "sequential" | "kayenta":
            own = {"judge": name, "kayenta": {"compat": "repaired"} if name == "kayenta" else None}
        case "argo":
            counting = {"interval": "1m", "count": 5, "success": {"below": 1000}}
            own["threshold"] = {"rules": "argo", "metrics": [{**each, **counting} for each in measured]}
        case _:
            checks = [{**each, "maximum": 1000} for each in measured]
            own["threshold"] = {"rules": "flagger", "threshold": 3, "step_weight": 50, "metrics": checks}
    return CanaryConfig.model_validate({**fixed, **own, **settings})


def good(kind: str, look: int) -> Sample:
    """400 requests, 40 crashes and four pods a look, all without harm."""
    n, wobble = 400 * look, look % 3
    match kind:
        case "counts":
            return EventCount(8 * look + wobble, n)
        case "events":
            return EventCount(40 * look + wobble)
        case "histogram":
            return Histogram((200 * look, 190 * look, 8 * look, 2 * look), EDGES)
        case "mean":
            return Moments(n, 50.0 * n, 2600.0 * n)
        case _:
            return Gauge({f"pod-{pod}": 50 + pod + 0.1 * wobble for pod in range(4)})


def of(kind: str, value: Any) -> Sample:
    """A sample in which every number is `value`."""
    match kind:
        case "counts":
            return EventCount(value, value)
        case "events":
            return EventCount(value)
        case "histogram":
            return Histogram((value,) * 4, EDGES)
        case "mean":
            return Moments(value, value, value)
        case _:
            return Gauge({f"pod-{pod}": value for pod in range(4)})


Shown = tuple[Any, Any]
Show = Callable[[str, int], Shown]


def looks_at(kind: str, show: Show, *, name: str = "", looks: int = LOOKS) -> list[Look]:
    """Looks at which the two sides show a metric as `show` gives it, and requests as they should be."""
    seen = []
    for look in range(looks):
        shown = [{} if sample is None else {name or kind: sample} for sample in show(kind, look)]
        baseline, canary = (Side(400 * look, 2 * look, samples=samples) for samples in shown)
        seen.append(Look(BEGIN + timedelta(seconds=15 * look), baseline, canary))
    return seen


def judged(config: CanaryConfig, looks: list[Look]) -> list[Judgment]:
    """The judgments after each look; they are read back from JSON, and stored looks give the last one again."""
    session = start(config)
    judgments = [session.add(look) for look in looks]
    for judgment in (judgments[len(judgments) // 2], judgments[-1]):
        assert Judgment.from_json(judgment.to_json()) == judgment
    stored = [Look.from_json(look.to_json()) for look in looks]
    assert judge(config, stored).to_json() == judgments[-1].to_json()
    return judgments


def both(make: Callable[[int], Any]) -> Show:
    """Both sides show what `make` gives for a look."""
    return lambda kind, look: (make(look),) * 2


def in_baseline(make: Callable[[int], Any]) -> Show:
    """The baseline shows what `make` gives, the canary what is good."""
    return lambda kind, look: (make(look), good(kind, look))


def in_canary(make: Callable[[int], Any], *, once: bool = False, since: int = 0) -> Show:
    """The canary shows what `make` gives, at one look or from one look on, and before what is good, as the baseline."""

    def show(kind: str, look: int) -> Shown:
        is_bad = look == 9 if once else look >= since
        return good(kind, look), make(look) if is_bad else good(kind, look)

    return show


def fine(kind: str, look: int) -> Shown:
    """Both sides show what is good."""
    return good(kind, look), good(kind, look)


def always(sample: Any) -> Callable[[int], Any]:
    """The same sample at each look."""
    return lambda look: sample


#: Numbers that are none of a kind: for counters all of these, for values only what is not finite, or no number.
NO_COUNTS: dict[str, Any] = {
    "negative": -1,
    "a part": 0.5,
    "too large": 2**60,
    "larger": 1e300,
    "negative and large": -1e300,
    "not a number": math.nan,
    "infinite": math.inf,
    "negative and infinite": -math.inf,
    "nothing": None,
    "text": "7",
    "truth": True,
}
NO_NUMBERS = {key: NO_COUNTS[key] for key in ("infinite", "negative and infinite", "nothing", "text", "truth")}
BROKEN_HISTOGRAMS = {
    "no bucket": Histogram((), ()),
    "a bucket too few": Histogram((1, 2, 3), EDGES),
    "edges that fall": Histogram((1, 2, 3, 4), EDGES[::-1]),
    "edges that stay": Histogram((1, 2, 3, 4), (10.0, 10.0, 100.0)),
    "an edge that is no number": Histogram((1, 2, 3, 4), (10.0, math.nan, 1000.0)),
    "an infinite edge": Histogram((1, 2, 3, 4), (10.0, 100.0, math.inf)),
    "no common edge": Histogram((1, 2, 3, 4), (11.0, 101.0, 1001.0)),
}


def unusable(kind: str) -> Iterator[tuple[str, Show]]:
    """Ways to show nothing that can be judged, from the first look to the last."""
    yield "both empty", both(always(None))
    yield "only the baseline", in_canary(always(None))
    yield "only the canary", in_baseline(always(None))
    yield "unreachable", in_canary(always(Lacking("unreachable", "its source is gone")))
    other = "gauge" if kind in ("counts", "events", "histogram") else "histogram"
    yield "another kind in the canary", in_canary(lambda look: good(other, look))
    yield "another kind", both(lambda look: good(other, look))
    for name, value in (NO_NUMBERS if kind == "gauge" else NO_COUNTS).items():
        yield f"{name} in the canary", in_canary(always(of(kind, value)))
        yield f"{name} in the baseline", in_baseline(always(of(kind, value)))
    if kind == "histogram":
        for name, sample in BROKEN_HISTOGRAMS.items():
            yield name, in_canary(always(sample))
    if kind == "mean":
        yield "impossible sums", in_canary(always(Moments(400, 50.0 * 400, 0.0)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", JUDGES)
def test_what_cannot_be_judged_has_a_named_outcome_and_never_passes(name: str, kind: str) -> None:
    config = a_judge(name, (kind,))
    for case, show in unusable(kind):
        judgments = judged(config, looks_at(kind, show))
        assert all(each.verdict is not Verdict.PASS for each in judgments), case
        assert judgments[-1].is_final, case
        assert all(metric.outcome != "ok" and metric.sentence for metric in judgments[-1].metrics), case


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", JUDGES)
def test_what_is_good_passes(name: str, kind: str) -> None:
    """Else nothing would be said by what does not."""
    judgments = judged(a_judge(name, (kind,)), looks_at(kind, fine))
    assert judgments[-1].verdict is Verdict.PASS


def odd(kind: str) -> Iterator[tuple[str, Show]]:
    """What may be right, and is unusual: it is judged, or named."""
    yield "all zero", both(always(of(kind, 0)))
    yield "a canary of zeros", in_canary(always(of(kind, 0)))
    yield "a baseline of zeros", in_baseline(always(of(kind, 0)))
    yield "constant", both(always(good(kind, 9)))
    yield "a counter that went down once", in_canary(lambda look: good(kind, look % 13))
    yield "counters that go down at each look", both(lambda look: good(kind, LOOKS - look))
    yield "another kind on the way", both(lambda look: good(kind if look < 9 else "gauge", look))
    for number in (1, 2**53 - 1, 2**53):
        yield f"{number} always", both(always(of(kind, number)))
    for name, value in list(NO_COUNTS.items())[::3]:
        yield f"{name} once", in_canary(always(of(kind, value)), once=True)
    yield from _ODD_OF_KIND.get(kind, ())


_CUT = Histogram((1, 2), (10.0,))
_ODD_OF_KIND: dict[str, list[tuple[str, Show]]] = {
    "histogram": [
        ("fewer buckets in the canary", in_canary(always(_CUT))),
        ("other buckets on the way", in_canary(always(_CUT), since=9)),
        ("negative edges", both(lambda look: Histogram((look, look, look, 0), (-100.0, -10.0, -1.0)))),
        ("edges as far as can be", both(lambda look: Histogram((look, look, look, 0), (-1.7e308, 0.0, 1.7e308)))),
        ("edges as small as can be", both(lambda look: Histogram((look, look, look, 0), (5e-324, 1e-300, 1.0)))),
    ],
    "mean": [
        ("negative", both(lambda look: Moments(400 * look, -2e4 * look, 2e6 * look))),
        ("huge", in_canary(lambda look: Moments(400 * look, 1e150 * look, 1e300 * look))),
    ],
    "gauge": [
        ("negative", both(always(of("gauge", -1.0)))),
        ("as small as can be", both(always(of("gauge", 5e-324)))),
        ("huge", both(always(of("gauge", 1e300)))),
        ("huge once", in_canary(always(of("gauge", 1e300)), once=True)),
        ("other pods at each look", lambda kind, look: (Gauge({f"a{look}": 1.0}), Gauge({f"b{look}": 1.0}))),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", JUDGES)
def test_what_is_unusual_gives_a_judgment(name: str, kind: str) -> None:
    config = a_judge(name, (kind,))
    for case, show in odd(kind):
        judgments = judged(config, looks_at(kind, show))
        assert judgments[-1].reason, case


HUGE: dict[str, Callable[[int], Any]] = {
    "events": always(EventCount(2**53)),
    "mean": lambda look: Moments(400 * look, 1e90 * look, 1e190 * look),
    "gauge": always(Gauge({f"pod-{pod}": 1e15 if pod == 0 else 50.0 for pod in range(4)})),
}


@pytest.mark.parametrize("kind", HUGE)
@pytest.mark.parametrize("is_canary", [True, False])
def test_what_is_huge_from_one_look_on_is_never_certified(kind: str, is_canary: bool) -> None:
    looks = looks_at(kind, in_canary(HUGE[kind], since=6))
    if not is_canary:
        looks = [replace(look, baseline=look.canary, canary=look.baseline) for look in looks]
    assert judged(a_judge("sequential", (kind,)), looks)[-1].verdict is not Verdict.PASS


# Looks


def all_kinds(looks: int = LOOKS) -> list[Look]:
    seen = []
    for look in range(looks):
        samples = {kind: good(kind, look) for kind in KINDS}
        side = Side(400 * look, 2 * look, samples=samples)
        seen.append(Look(BEGIN + timedelta(seconds=15 * look), side, side))
    return seen


@pytest.mark.parametrize("name", JUDGES)
def test_a_look_given_twice_changes_nothing(name: str) -> None:
    config, looks = a_judge(name, KINDS), all_kinds()
    assert judge(config, [look for look in looks for _ in range(2)]) == judge(config, looks)


@pytest.mark.parametrize("name", ["sequential", "kayenta"])
@pytest.mark.parametrize(("one", "other"), [(9, 10), (0, LOOKS - 1)])
def test_looks_out_of_order_are_an_error(name: str, one: int, other: int) -> None:
    looks = all_kinds()
    looks[one], looks[other] = looks[other], looks[one]
    judgment = judged(a_judge(name, KINDS), looks)[-1]
    assert judgment.verdict is Verdict.ERROR
    assert "not after the last one" in judgment.reason


@pytest.mark.parametrize("name", ["argo", "flagger"])
def test_a_look_out_of_order_is_a_failed_query_under_rules_of_others(name: str) -> None:
    looks = all_kinds()
    looks[9], looks[10] = looks[10], looks[9]
    judged(a_judge(name, KINDS), looks)
    assert judged(a_judge(name, KINDS), looks[::-1])[-1].verdict is not Verdict.PASS


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("missing", [slice(9, 10), slice(5, 20)])
def test_looks_that_are_missing_lose_no_requests(name: str, missing: slice) -> None:
    looks = all_kinds()
    del looks[missing]
    judgment = judged(a_judge(name, KINDS), looks)[-1]
    assert (judgment.requests_baseline, judgment.requests_canary) == (400 * (LOOKS - 1),) * 2


@pytest.mark.parametrize("name", JUDGES)
def test_a_canary_whose_clock_is_behind_is_judged(name: str) -> None:
    looks = all_kinds(LOOKS + 3)
    skewed = [replace(now, canary=before.canary) for before, now in zip(looks, looks[3:], strict=False)]
    assert judged(a_judge(name, KINDS), skewed)[-1].verdict is not Verdict.FAIL


@pytest.mark.parametrize("name", ["sequential", "argo", "flagger"])
def test_thousands_of_years_between_two_looks_are_no_trouble(name: str) -> None:
    looks = all_kinds(2)
    ages = [replace(looks[0], at=BEGIN.replace(year=1)), replace(looks[1], at=BEGIN.replace(year=9999))]
    assert judged(a_judge(name, KINDS), ages)[-1].is_final


@pytest.mark.parametrize("share", [1e-300, 1e-9, 1 - 1e-9, math.nextafter(1, 0)])
def test_a_share_next_to_none_or_all_is_compared_with_what_was_got(share: float) -> None:
    got = (0, 0, 400, 4) if share > 0.5 else (400, 4, 0, 0)
    for other in (counted(*[got] * 20, share=share), counted(*[(400, 4, 400, 4)] * 20, share=share)):
        judgment = judged(a_config(), other)[-1]
        assert judgment.verdict is (
            Verdict.INCONCLUSIVE if other[-1].canary.requests != other[-1].baseline.requests else Verdict.ERROR
        )


# Many metrics, names, and many looks


@pytest.mark.parametrize("name", ["sequential", "argo"])
def test_one_malformed_metric_of_a_thousand_is_named_and_the_others_are_judged(name: str) -> None:
    plain = a_judge(name, KINDS).model_dump(mode="json")
    names = {f"{kind}{number}": kind for number in range(200) for kind in KINDS}
    metrics = [
        MetricConfig.model_validate({**metric, "name": each})
        for each, kind in names.items()
        for metric in plain["metrics"]
        if metric["name"] == kind
    ]
    config = a_judge("sequential", KINDS).model_copy(update={"metrics": tuple(metrics)})
    if name == "argo":
        checks = [
            {
                "name": each,
                "metric": each,
                "measure": MEASURES[kind],
                "success": {"below": 1000},
                "failure_limit": 1,
                "interval": "1m",
                "count": 2,
            }
            for each, kind in names.items()
        ]
        config = CanaryConfig.model_validate(
            {**plain, "metrics": metrics, "threshold": {"rules": "argo", "metrics": checks}}
        )
    session = start(config)
    for look in range(6):
        samples = {each: good(kind, look) for each, kind in names.items()}
        broken = {**samples, "gauge7": Gauge({"pod-0": "many"})}  # type: ignore[dict-item]  # what a source should not give
        baseline, canary = (Side(400 * look, 0, samples=each) for each in (samples, broken))
        judgment = session.add(Look(BEGIN + timedelta(seconds=15 * look), baseline, canary))
    assert Judgment.from_json(judgment.to_json()) == judgment
    outcomes = {metric.name: metric.outcome for metric in judgment.metrics}
    assert outcomes.pop("gauge7") == "malformed"
    assert Counter(outcomes.values()) == {"ok": 999}
    assert judgment.verdict is not Verdict.PASS


HOSTILE = ["<script>alert(1)</script>", "a\nb", "../../etc/passwd", "%s%n", "é", "a" * 201, "", " ", "a\x00b", "{0}"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_metric_name_that_could_do_harm_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        MetricConfig.model_validate({"name": name, "kind": "counts"})


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800"])
def test_looks_with_names_that_nobody_asked_for_are_read_and_judged(name: str) -> None:
    looks = looks_at("counts", fine)
    strange = [
        replace(look, canary=replace(look.canary, samples={**look.canary.samples, name: EventCount(1, 2)}))
        for look in looks
    ]
    assert judged(a_judge("sequential", ("counts",)), strange)[-1] == judge(a_judge("sequential", ("counts",)), looks)


@pytest.mark.parametrize("name", ["<b>x</b>", "a\nb", "${x}", "é" * 200])
@pytest.mark.parametrize("rules", ["argo", "flagger"])
def test_names_of_measurements_are_kept_as_they_are(rules: str, name: str) -> None:
    plain = a_judge(rules, ("counts",)).model_dump(mode="json")
    plain["threshold"]["metrics"][0]["name"] = name
    looks = looks_at("counts", fine)
    assert judged(CanaryConfig.model_validate(plain), looks)[-1].metrics[0].name == name


@pytest.mark.parametrize(
    ("name", "looks"), [("sequential", 2_000), ("kayenta", 10_000), ("argo", 10_000), ("flagger", 10_000)]
)
def test_thousands_of_looks_are_as_easy_as_ten(name: str, looks: int) -> None:
    config = a_judge(name, ("counts",), duration="200h")
    session = start(config)
    for number in range(looks):
        side = Side(400 * number, 2 * number, samples={"counts": good("counts", number)})
        judgment = session.add(Look(BEGIN + timedelta(seconds=15 * number), side, side))
    assert judgment.looks == looks
    assert Judgment.from_json(judgment.to_json()) == judgment


# Stored looks and judgments that are broken


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    place=st.sampled_from(
        [
            "at",
            "canary_share",
            "step",
            "baseline",
            "requests",
            "errors",
            "latency",
            "edges_ms",
            "samples",
            "one",
            "events",
        ]
    ),
    value=PLAIN,
)
def test_a_stored_look_of_which_anything_is_broken_is_one_clear_error_or_judged(place: str, value: Any) -> None:
    fields = json.loads(looks_at("counts", fine)[1].to_json())
    side = fields["canary"]
    inside = {
        "at": fields,
        "canary_share": fields,
        "step": fields,
        "baseline": fields,
        "one": side["samples"],
        "events": side["samples"]["counts"],
    }
    inside.get(place, side)[place if place != "one" else "counts"] = value
    try:
        look = Look.from_json(json.dumps(fields))
    except CanaryError:
        return
    for name in JUDGES:
        assert judge(a_judge(name, ("counts",)), [look]).verdict is not Verdict.PASS


# What is not right yet: each test says what should be, and fails as long as it is not.


def outcome(name: str, kind: str, show: Show) -> str:
    return judged(a_judge(name, (kind,)), looks_at(kind, show))[-1].metrics[0].outcome


def test_a_sum_without_a_square_is_named() -> None:
    assert outcome("sequential", "mean", in_canary(always(Moments(400, 1e300, 1.0)))) == "malformed"


@pytest.mark.parametrize("kind", ["mean", "gauge"])
def test_a_whole_number_larger_than_any_double_is_named(kind: str) -> None:
    huge = {"mean": Moments(400, 10**400, 1.0), "gauge": Gauge({"pod-0": 10**400})}[kind]
    assert outcome("sequential", kind, in_canary(always(huge))) == "malformed"


def test_a_histogram_of_one_bucket_is_named() -> None:
    assert outcome("sequential", "histogram", both(lambda look: Histogram((400 * look,), ()))) == "malformed"


@pytest.mark.parametrize("kind", ["counts", "histogram"])
def test_a_leap_of_a_counter_is_never_certified(kind: str) -> None:
    leap = {"counts": EventCount(2**53, 2**53), "histogram": Histogram((10**6, 10**6, 10**6, 2**53), EDGES)}[kind]
    looks = looks_at(kind, in_canary(always(leap), since=6))
    assert judged(a_judge("sequential", (kind,)), looks)[-1].verdict is not Verdict.PASS


@pytest.mark.xfail(strict=True, reason="without a request above the edge the dispersion is not known")
def test_a_latency_that_never_varies_is_certified() -> None:
    """100 requests a second for half an hour, all of them in the first bucket, on both sides."""
    sides = [Side(1500 * look, 0, (1500 * look, 0, 0), (5.0, 10.0)) for look in range(121)]
    looks = [Look(BEGIN + timedelta(seconds=15 * look), side, side) for look, side in enumerate(sides)]
    assert judge(CanaryConfig(), looks).verdict is Verdict.PASS


@pytest.mark.xfail(strict=True, reason="what is malformed is left out of a series like what is missing")
def test_kayentas_judge_names_a_malformed_metric() -> None:
    assert outcome("kayenta", "counts", in_canary(always(of("counts", math.nan)))) == "malformed"


@pytest.mark.xfail(strict=True, reason="each fall of a counter is taken for a restart")
def test_a_counter_that_falls_at_every_other_look_is_named() -> None:
    """As when two proxies answer by turns, each with counters of its own."""
    assert outcome("sequential", "counts", in_canary(lambda look: good("counts", look + 9 * (look % 2 == 0)))) != "ok"
