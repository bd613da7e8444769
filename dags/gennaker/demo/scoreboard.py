"""What the demo measured, as figures for machines and as a table for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.table import Table

REGIONS = ("us-east-1", "us-west-2", "eu-central-1")


@dataclass(frozen=True, slots=True)
class ReleaseScore:
    """One release, measured from its start to its end."""

    version: str
    verdict: str
    promoted_regions: tuple[str, ...]
    rolled_back_regions: tuple[str, ...]
    reason: str
    minutes: float
    requests: int
    requests_lost: int
    decision_to_zero_s: float | None
    first_failure_to_zero_s: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """The whole demo."""

    seconds_to_stack_healthy: float
    seconds_to_first_rollback: float | None
    requests_total: int
    requests_lost: int
    releases: tuple[ReleaseScore, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values for `demo.json`."""
        return asdict(self)


#: How the story goes: verdict, promoted and rolled back regions by version.
STORY = {
    "1.0.0": ("promoted", set(REGIONS), set()),
    "1.1.0": ("promoted", set(REGIONS), set()),
    "1.2.0": ("rolled back", set(), set()),
    "1.3.0": ("rolled back", {"us-east-1", "us-west-2"}, {"eu-central-1"}),
}


def deviations(score: Score) -> list[str]:
    """Where the demo did not come out as told, a line each; empty when it did."""
    found = []
    for release in score.releases:
        verdict, promoted, rolled_back = STORY[release.version]
        came_out = (release.verdict, set(release.promoted_regions), set(release.rolled_back_regions))
        if came_out != (verdict, promoted, rolled_back):
            found.append(f"{release.version}: {came_out}, not {STORY[release.version]}: {release.reason}")
    missing = sorted(set(STORY) - {release.version for release in score.releases})
    found += [f"{version} was never released" for version in missing]
    if score.requests_lost:
        found.append(f"{score.requests_lost} of {score.requests_total} requests were lost")
    return found


def table(releases: Sequence[ReleaseScore]) -> Table:
    """The releases as a table."""
    shown = Table(title="Four releases of Playback", title_justify="left")
    for heading in ("release", "verdict", "back in", "min", "requests", "lost", "bad to 0 %", "decided to 0 %"):
        shown.add_column(heading)
    for r in releases:
        shown.add_row(
            r.version,
            r.verdict,
            ", ".join(r.rolled_back_regions) or ("canary" if r.verdict == "rolled back" else ""),
            f"{r.minutes:.1f}",
            f"{r.requests:,}",
            str(r.requests_lost),
            _seconds(r.first_failure_to_zero_s),
            _seconds(r.decision_to_zero_s),
        )
    return shown


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
