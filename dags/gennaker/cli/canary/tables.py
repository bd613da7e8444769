"""Judgments as a person reads them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from canary import Judgment, Verdict, wording

if TYPE_CHECKING:
    from canary import MetricResult
    from gennaker.judging import Answer

#: Rows that fit a screen; the course of a longer canary is thinned evenly.
ROWS: Final = 16

STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.ERROR: "bold magenta",
}


def console() -> Console:
    """Where tables go; names with brackets are no markup."""
    return Console(markup=False, highlight=False)


class Course:
    """How a canary went, look by look; keeps no more rows than a screen has."""

    def __init__(self) -> None:
        self._kept: list[Judgment] = []
        self._turns: list[Judgment] = []
        self._last: Judgment | None = None
        self._every, self._seen = 1, 0

    def add(self, judgment: Judgment) -> None:
        """Takes in the judgment after one more look."""
        if self._last is None or judgment.verdict is not self._last.verdict:
            self._turns = [*self._turns, judgment][-ROWS:]
        if self._seen % self._every == 0:
            self._kept.append(judgment)
        if len(self._kept) > ROWS:
            self._kept, self._every = self._kept[::2], 2 * self._every
        self._seen += 1
        self._last = judgment

    def print(self) -> None:
        """Prints the course as a table: even steps, every turn of the verdict, and the end."""
        last = [self._last] if self._last is not None else []
        rows = {judgment.looks: judgment for judgment in (*self._kept, *self._turns, *last)}
        metrics = last[0].metrics if last else ()
        heads = [f"{metric.name}\nharm / safe" for metric in metrics]
        table = Table("\nminute", "requests\nbaseline", "\ncanary", "\nverdict", *heads, box=None, pad_edge=False)
        for looks in sorted(rows):
            table.add_row(*_row(rows[looks]), style=STYLES[rows[looks].verdict] if looks > 1 else None)
        console().print(table)
        for metric in metrics:
            harm, safe = wording.evidence(metric.log_limit_harm), wording.evidence(metric.log_limit_safe)
            console().print(f"{metric.name}: evidence of {harm} for harm fails it, of {safe} for safety certifies it.")


def _row(judgment: Judgment) -> list[str]:
    cells = [f"{judgment.elapsed_s / 60:.2f}", f"{judgment.requests_baseline:,}", f"{judgment.requests_canary:,}"]
    return [*cells, judgment.verdict, *(_evidence(metric) for metric in judgment.metrics)]


def _evidence(metric: "MetricResult") -> str:
    return f"{wording.evidence(metric.log_evidence_harm)} / {wording.evidence(metric.log_evidence_safe)}"


def print_judgment(judgment: Judgment, profile: str = "") -> None:
    """Prints a judgment: the verdict and its reason, and each metric's sentence."""
    out = console()
    profile = f", profile {profile}" if profile else ""
    out.print()
    out.print(
        f"{judgment.verdict} after {judgment.looks} looks ({judgment.elapsed_s / 60:.1f} min{profile})",
        style=STYLES[judgment.verdict],
    )
    out.print(judgment.reason)
    for metric in judgment.metrics:
        if metric.sentence != judgment.reason:
            out.print(f"  {metric.name}: {metric.verdict}. {metric.sentence}")


def print_answer(number: int, answer: "Answer") -> None:
    """Prints a judge's answer to the question of a line."""
    told = json.loads(answer.text)
    console().print(f"line {number}:", style="bold")
    if "judgeName" in told:
        _print_scores(told)
    else:
        print_judgment(Judgment.from_json(answer.text))


def _print_scores(told: Mapping[str, Any]) -> None:
    """Prints Kayenta's result: each metric with its class, then groups and the score."""
    table = Table("metric", "groups", "class", "canary / baseline", "why", box=None, pad_edge=False)
    for result in told["results"]:
        tags = "".join(f" {name}={value}" for name, value in sorted((result.get("tags") or {}).items()))
        ratio = result["resultMetadata"].get("ratio")
        flags = [flag for flag in ("critical", "muted") if result[flag]]
        table.add_row(
            result["name"] + tags,
            ", ".join(result["groups"]),
            " ".join([result["classification"], *flags]),
            f"{ratio:.3g}" if isinstance(ratio, float | int) else str(ratio or "-"),
            result.get("classificationReason", ""),
        )
    out, score = console(), told["score"]
    out.print(table)
    groups = ", ".join(f"{group['name']} {group['score']:g}" for group in told["groupScores"])
    why = f": {score['classificationReason']}" if score["classificationReason"] else ""
    out.print(f"{score['classification']}, score {score['score']:g} ({groups or 'no groups'}){why}")
