"""Reports of judgments as files of the state folder: `ID.html` for people, `ID.json` for finding it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

#: A judgment's id, which is a file name: never a path, never `..`.
JUDGMENT_ID = re.compile(r"[A-Za-z0-9_+:-][A-Za-z0-9_.+:-]*")


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a report without reading its page."""

    judgment_id: str
    dag_id: str
    run_id: str
    task_id: str
    title: str
    verdict: str
    reason: str


class Reports:
    """The reports of a state folder.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_run(self, dag_id: str, run_id: str) -> tuple[Report, ...]:
        """The run's reports, oldest first."""
        files = sorted(self._folder.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        found = (self.find(file.stem) for file in files)
        return tuple(report for report in found if report and (report.dag_id, report.run_id) == (dag_id, run_id))

    def find(self, judgment_id: str) -> Report | None:
        """The report of a judgment; None when there is none, or no judgment has such an id."""
        if not JUDGMENT_ID.fullmatch(judgment_id):
            return None
        try:
            said = json.loads((self._folder / f"{judgment_id}.json").read_text(encoding="utf-8"))
            words = {name: str(said[name]) for name in ("dag_id", "run_id", "task_id", "title", "verdict")}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Report(judgment_id=judgment_id, reason=str(said.get("reason", "")), **words)

    def page(self, report: Report) -> str | None:
        """The report's HTML, if it was written."""
        try:
            return (self._folder / f"{report.judgment_id}.html").read_text(encoding="utf-8")
        except OSError:
            return None
