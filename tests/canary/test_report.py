import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from canary import CanaryConfig, Look, Side, Verdict, judge
from canary.report import MOST_DRAWN, render_report
from canary.samples import EventCount, Gauge, Histogram, Moments, Sample
from tests.canary.builders import BEGIN, EDGES_MS, Group, a_config, counted, quick, some_looks


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
    for title in ("Evidence: error_rate", "Canary against baseline", "Distribution: latency", "Over time: error_rate"):
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


def many_looks(ticks: int, kinds: Sequence[str], *, worse: Sequence[int] = ()) -> tuple[CanaryConfig, list[Look]]:
    """A canary with a metric of each kind, looked at each second; those of `worse` are three times as bad."""

    def sample(kind: str, t: int, factor: int) -> Sample:
        match kind:
            case "counts":
                return EventCount(3 * t * factor, 100 * t)
            case "histogram":
                return Histogram(tuple(t * (place + 1) for place in range(len(EDGES_MS) + 1)), EDGES_MS)
            case "mean":
                return Moments(50 * t, 500.0 * t * factor, 6000.0 * t * factor**2)
            case _:
                return Gauge({f"pod-{pod}": 40.0 + pod + t % 3 for pod in range(4)})

    def side(t: int, worse: Sequence[int]) -> Side:
        samples = {f"m{at}": sample(kind, t, 3 if at in worse else 1) for at, kind in enumerate(kinds)}
        return Side(100 * t, 0, samples=samples)

    metrics = [{"name": f"m{at}", "kind": kind, "unit": "ms"} for at, kind in enumerate(kinds)]
    looks = [Look(BEGIN + timedelta(seconds=t), side(t, ()), side(t, worse)) for t in range(ticks + 1)]
    return a_config(metrics=metrics), looks


def rows(page: str) -> list[str]:
    """The names of the metrics in the table, from above."""
    table = page[page.index("<h2>Metrics</h2>") :]
    return re.findall(r'<tr><th scope="row">([^<]*)<', table[: table.index("</table>")])


def test_a_thousand_metrics_are_told_worst_first_and_a_dozen_are_drawn() -> None:
    config, looks = many_looks(20, ["counts"] * 1000, worse=[700])
    page = a_report(looks, config=config)
    assert rows(page)[0] == "m700"
    assert len(rows(page)) == 1000
    assert f"Only the {MOST_DRAWN} worst of 1,000 metrics are drawn" in page
    assert page.count('<section class="metric"') == MOST_DRAWN


def test_culprits_are_named_below_the_reason() -> None:
    config, looks = many_looks(20, ["counts"] * 4, worse=[1, 2])
    assert re.search(r"Worse in the canary: <b>m1, m2</b>", a_report(looks, config=config))


def test_an_undecided_canary_is_told_what_it_still_needs() -> None:
    page = a_report(list(some_looks(12, canary=Group())))
    assert "What is still needed" in page
    assert re.search(r"about <b>[\d,.]+ more minutes</b>", page)
    assert page.index("until safety is certified") < page.index("<h2>Metrics</h2>")


BOUNDED = [{"name": "errors", "metric": "error_rate", "measure": "error_percent", "maximum": 50.0}]


@pytest.mark.parametrize(
    "settings",
    [
        {"judge": "kayenta", "duration": "1m", "kayenta": {"step": "5s"}},
        {"judge": "threshold", "threshold": {"rules": "flagger", "step_weight": 10, "metrics": BOUNDED}},
    ],
)
def test_a_judge_without_evidence_has_its_numbers_shown_and_no_empty_plot(settings: dict[str, Any]) -> None:
    config = CanaryConfig.model_validate({"interval": "1s", "min_duration": "5s", **settings})
    page = a_report(list(some_looks(60, canary=Group())), config=config)
    assert "e-value" not in page
    assert "evidence / limit" not in page
    assert "Over time: error_rate" in page


def test_hostile_names_and_facts_are_text_everywhere() -> None:
    looks = [
        Look(BEGIN + timedelta(seconds=t), *(Side(t, 0, samples={"x": Gauge({"<i>$&": 1.0 + t})}) for _ in "ab"))
        for t in range(5)
    ]
    config = a_config(metrics=[{"name": "x", "kind": "gauge", "unit": "<b>#d9730d$"}])
    page = render_report(config, looks, judge(config, looks), "t", {"<u>fact</u>": "</dl><script>"})
    assert not re.search(r"<(i|b|u|script)>[^<]*[$&#f]", page)
    HTMLParser().feed(page)


def test_ids_of_all_pictures_differ_so_that_none_shows_parts_of_another() -> None:
    page = a_report(list(some_looks(20, canary=Group())))
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]*)\)", page)) | set(re.findall(r'xlink:href="#([^"]*)"', page))
    assert used <= set(ids)


def test_every_picture_is_told_in_words() -> None:
    page = a_report(list(some_looks(20, canary=Group())))
    pictures = re.findall(r"<svg [^>]*>", page)
    assert pictures
    assert all(re.search(r'role="img" aria-label="[^"]{10,}"', picture) for picture in pictures)


def test_half_an_hour_looked_at_each_second_with_ten_metrics_is_rendered_in_three_seconds() -> None:
    config, looks = many_looks(1800, ["counts", "histogram", "mean", "gauge", "counts"] * 2)
    # The judgment itself is not the report's; any will do.
    judgment = replace(judge(config, looks[:60]), looks=len(looks), elapsed_s=1800.0)
    began = time.process_time()
    render_report(config, looks, judgment, "long", {})
    assert time.process_time() - began < 3


ARTIFACTS = Path(__file__).parents[1] / "artifacts"
#: The least contrast of small text (WCAG 2.2, 1.4.3).
READABLE = 4.5

CONTRASTS = """() => {
  const channel = value => value <= 0.03928 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(channel);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  const shown = [...document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, small, strong, svg text')];
  return shown.filter(each => each.textContent.trim() && !each.closest('details')).map(each => {
    const style = getComputedStyle(each);
    const [a, b] = [light(each.closest('svg') ? style.fill : style.color), light(behind(each))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.textContent.trim().slice(0, 40)];
  });
}"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page_in_either_scheme_without_network_or_complaint(scheme: Any, tmp_path: Path) -> None:
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        missing = "no Chromium on PATH (Debian: apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    ARTIFACTS.mkdir(exist_ok=True)
    file = tmp_path / "report.html"
    file.write_text(a_report(list(some_looks(30, canary=Group(error_rate=0.3)))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1250, "height": 900}, color_scheme=scheme)
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri())
        page.screenshot(path=ARTIFACTS / f"canary-report-{scheme}.png", full_page=True)
        contrasts = page.evaluate(CONTRASTS)
        is_wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        browser.close()
    assert asked == [file.as_uri()]
    assert said == []
    assert not is_wider
    assert len(contrasts) > 50
    assert [(contrast, text) for contrast, text in contrasts if contrast < READABLE] == []
