import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from canary import CanaryConfig, Look, Verdict, judge
from canary.report import render_report
from tests.canary.builders import Group, counted, quick, some_looks


def a_report(looks: Sequence[Look], *, title: str = "playback", config: CanaryConfig | None = None) -> str:
    config = config or quick()
    return render_report(config, looks, judge(config, looks), title, {"Region": "us-east-1 <b>"})


def test_a_report_says_the_verdict_and_why_before_all_else() -> None:
    looks = list(some_looks(30, canary=Group(error_rate=0.3)))
    page = a_report(looks)
    assert judge(quick(), looks).verdict is Verdict.FAIL
    assert page.index("Failed: the canary is worse") < page.index("Error rate of the canary is") < page.index("<table")


def test_a_report_shows_evidence_odds_latency_and_error_rate() -> None:
    page = a_report(list(some_looks(30, canary=Group())))
    for title in ("Evidence: error rate", "Canary against baseline", "Distribution: latency", "Over time: error rate"):
        assert title in page


def test_a_report_of_traffic_that_was_never_seen_says_so() -> None:
    assert "The traffic could not be seen" in a_report([])


def test_a_report_needs_nothing_but_itself() -> None:
    page = a_report(list(some_looks(10, canary=Group())))
    links = set(re.findall(r"(?:src|href)=\"([^\"]*)\"", page)) | set(re.findall(r"url\(([^)]*)\)", page))
    assert all(link.startswith("#") for link in links)
    assert "<script" not in page
    assert "@import" not in page


def test_a_report_follows_light_and_dark() -> None:
    page = a_report(list(some_looks(10, canary=Group())))
    assert "prefers-color-scheme: dark" in page
    assert "stroke: var(--canary)" in page


def test_text_in_a_report_is_never_markup() -> None:
    page = a_report(counted((100, 0, 100, 0)), title="<script>alert(1)</script>")
    assert "<script>" not in page
    assert "us-east-1 &lt;b&gt;" in page


def test_the_same_looks_give_the_same_page() -> None:
    looks = list(some_looks(10, canary=Group()))
    assert a_report(looks) == a_report(looks)


good = counted(*[(100, 1, 100, 1)] * 5)


@pytest.mark.parametrize(
    "looks",
    [
        good[:1],
        good[:2],
        counted(*[(0, 0, 0, 0)] * 5),
        [*good, replace(good[-1], canary_share=2)],
        [replace(good[0], canary_share=2)],
        [*good, good[0]],
        list(some_looks(5, canary=Group(error_rate=1))),
    ],
)
def test_whatever_the_looks_the_report_is_a_whole_page(looks: list[Look]) -> None:
    parser = HTMLParser()
    page = a_report(looks)
    parser.feed(page)
    assert page.rstrip().endswith("</html>")
    assert judge(quick(), looks).verdict in page
