"""What grows old: looks, images, runs in MLflow, reports and notebooks; and what of it is still needed."""

import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from operators.change import ChangeState
from operators.home import home
from operators.images import delete, images
from operators.learning.housekeeping import Old, Store
from operators.learning.releases import images_of_runs
from operators.records import Kind, Records
from operators.records.old_looks import delete_looks, looks_before
from operators.records.tables import TRACKED
from operators.retention import images_in_use
from operators.runs import open_runs
from operators.tracking import Refused, Tracking


def stores(records: Records, *, folder: Path | None = None, tracking_uri: str | None = None) -> list[Store]:
    """Every store; that of MLflow only where its server is known.

    Args:
        records: what is running and what was deployed.
        folder: the state folder, `home()` by default.
        tracking_uri: the MLflow server, by default `MLFLOW_TRACKING_URI`.
    """
    folder, uri = folder or home(), tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
    known: list[Store] = [OldLooks(records), OldImages(records, folder / "images"), OldRunFolders(records, folder)]
    return [*known, OldMlflowRuns(records, uri)] if uri.startswith(("http://", "https://")) else known


@dataclass(frozen=True, slots=True)
class OldLooks:
    """Looks of judgments; those of runs under way are needed whatever their age."""

    records: Records
    what: str = "looks"

    def old(self, before: datetime) -> list[Old]:
        """By when the last look was taken."""
        needed = _Running.of(self.records)
        found = looks_before(self.records.database, before)
        return [Old(self.what, kept.judgment, kept.at, kept.bytes) for kept in found if not needed.has(kept.judgment)]

    def remove(self, old: Sequence[Old]) -> None:
        """All looks of the judgments; their decisions stay in the records."""
        delete_looks(self.records.database, [one.name for one in old])


@dataclass(frozen=True, slots=True)
class OldImages:
    """Images that the records know; those that any environment has or had last are needed whatever their age."""

    records: Records
    store: Path
    what: str = "images"

    def old(self, before: datetime) -> list[Old]:
        """By when they were last baked."""
        baked = {str(r.body["digest"]): r for r in self.records.search(kind=Kind.IMAGE)}
        stale = {digest for digest, record in baked.items() if record.at < before}
        found = [image for image in images(self.store) if image.digest in stale]
        if not found:
            return []
        needed = self._needed()
        return [Old(self.what, i.digest, i.baked_at, i.layer_bytes) for i in found if i.digest not in needed]

    def remove(self, old: Sequence[Old]) -> None:
        """The images and what no other image uses of their content."""
        for one in old:
            delete(self.store, one.name)

    def _needed(self) -> set[str]:
        of_run = images_of_runs(self.records)
        runs = {run.subject.run for run in open_runs(self.records)} | self._last_two()
        needed = {digest for run in runs for digest in of_run.get(run, frozenset())}
        services = {record.subject.service for record in self.records.search(kind=Kind.IMAGE)}
        return needed.union(*(images_in_use(self.records, service) for service in services))

    def _last_two(self) -> set[str]:
        """The runs that each cluster was last promoted by, and before that by another image."""
        of_run = images_of_runs(self.records)
        promoted: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for record in self.records.search(kind=Kind.DEPLOYMENT):
            subject = record.subject
            if record.body.get("state") == ChangeState.PROMOTED.value:
                promoted[subject.service, subject.environment, subject.region].append(subject.run)
        last = set[str]()
        for runs in promoted.values():
            last.add(runs[-1])
            others = [run for run in runs if of_run.get(run) != of_run.get(runs[-1])]
            last.update(others[-1:])
        return last


@dataclass(frozen=True, slots=True)
class OldRunFolders:
    """Reports of judgments, and the folders of runs that executed notebooks."""

    records: Records
    folder: Path
    what: str = "run_folders"

    def old(self, before: datetime) -> list[Old]:
        """By when a file of theirs was last written."""
        needed, files = _Running.of(self.records), defaultdict[str, list[Path]](list)
        for path in (self.folder / "reports").glob("*.*"):
            if path.suffix in _REPORTS and not path.name.startswith(".") and not needed.has(path.stem):
                files[f"reports/{path.stem}"].append(path)
        for run in (self.folder / "notebooks").glob("[!.]*/[!.]*"):
            files[str(run.relative_to(self.folder))] += [run, *run.rglob("*")]
        found = (self._old(name, paths) for name, paths in files.items())
        return sorted((one for one in found if one.at < before), key=lambda one: (one.at, one.name))

    def remove(self, old: Sequence[Old]) -> None:
        """A report with its page and index; a run's folder whole."""
        for one in old:
            if one.name.startswith("reports/"):
                for suffix in _REPORTS:
                    (self.folder / f"{one.name}{suffix}").unlink(missing_ok=True)
            elif (self.folder / one.name).is_dir():
                shutil.rmtree(self.folder / one.name)

    def _old(self, name: str, paths: Sequence[Path]) -> Old:
        states = [path.stat() for path in paths]
        at = datetime.fromtimestamp(max(state.st_mtime for state in states), UTC)
        return Old(self.what, name, at, sum(state.st_size for state in states))


#: The files of a report; the index first, so that a half-removed one is listed nowhere.
_REPORTS = (".json", ".html", ".txt")


@dataclass(frozen=True, slots=True)
class OldMlflowRuns:
    """Runs in MLflow that judgments and releases have; removing moves them to MLflow's bin."""

    records: Records
    server: str
    what: str = "mlflow_runs"

    def old(self, before: datetime) -> list[Old]:
        """By when they began."""
        needed, found = _Running.of(self.records), list[Old]()
        query = select(TRACKED.c.experiment_id).where(TRACKED.c.experiment_id != "").distinct()
        with self.records.database.read() as connection:
            experiments = sorted(connection.execute(query).scalars())
        with Tracking(self.server) as tracking:
            for experiment in experiments:
                for run_id, judgment, start_ms in tracking.begun_before(experiment, round(before.timestamp() * 1000)):
                    if not needed.has(judgment.removeprefix("run:")):
                        found.append(Old(self.what, run_id, datetime.fromtimestamp(start_ms / 1000, UTC)))
        return sorted(found, key=lambda one: (one.at, one.name))

    def remove(self, old: Sequence[Old]) -> None:
        """Moves them to the bin, from where `mlflow gc` removes them for good."""
        with Tracking(self.server) as tracking:
            for one in old:
                try:
                    tracking.delete(one.name)
                except Refused as refused:
                    if refused.code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # it is gone
                        raise


@dataclass(frozen=True, slots=True)
class _Running:
    """The runs under way, by the ways in which they name what is theirs."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, records: Records) -> "_Running":
        return cls(tuple(run.subject.run for run in open_runs(records)))

    def has(self, name: str) -> bool:
        """Whether `name` is such a run, or the id of a judgment of one."""
        return any(name == run or name.startswith(f"{run.replace('/', '.')}.") for run in self.names)
