"""The tasks that learn the risk of releases: export, train, register."""

import json
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowSkipException

from canary.errors import CanaryError
from canary.learning.risk import RiskModel
from operators.atomic_file import write_atomically
from operators.home import home
from operators.hooks.mlflow import MlflowHook
from operators.learning.risk import RiskPolicy
from operators.learning.risk_models import RiskModels
from operators.learning.risk_training import RiskTraining
from operators.notebook_files import file_name
from operators.records import Records
from operators.records.records import utc_now
from operators.stage import run_id_of

_MODEL = "model.json"


class ExportReleases(BaseOperator):
    """Writes the labelled releases to a folder of the run's own; again replaces them.

    Args:
        held_out_days: releases of the last so many days prove the model; a template, as all are.
        simulated: `True` for simulated releases instead of real ones.
        longer_from: see `RiskPolicy`.
        ask_from: see `RiskPolicy`.
        factor: see `RiskPolicy`.
    """

    template_fields = ("held_out_days", "simulated", "longer_from", "ask_from", "factor")

    def __init__(
        self, *, held_out_days: str, simulated: str, longer_from: str, ask_from: str, factor: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.held_out_days = held_out_days
        self.simulated = simulated
        self.longer_from = longer_from
        self.ask_from = ask_from
        self.factor = factor

    def execute(self, context: Context) -> dict[str, Any]:
        """Gives the folder and how many releases it has."""
        told = {"longer_from": self.longer_from, "ask_from": self.ask_from, "factor": self.factor}
        training = RiskTraining.of_records(
            Records.open(),
            utc_now(),
            held_out=timedelta(days=float(self.held_out_days)),
            policy=RiskPolicy.model_validate({name: float(value) for name, value in told.items()}),
            simulated=self.simulated == "True",
        )
        # Where the run's notebook is kept, too, so that housekeeping removes both.
        folder = home() / "notebooks" / file_name(self.dag_id) / file_name(run_id_of(context)) / self.task_id
        training.write(folder)
        self.log.info("%d labelled releases in %s", len(training.releases), folder)
        return {"folder": str(folder), "releases": len(training.releases)}


class TrainRisk(BaseOperator):
    """Learns a model and proves it on held-out releases; is skipped, with all after it, while there are too few.

    Args:
        export: id of the task that exported.
    """

    def __init__(self, *, export: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.export = export

    def execute(self, context: Context) -> dict[str, Any]:
        """Gives whether the model proved good, why, and the figures of the proof."""
        folder = Path(context["ti"].xcom_pull(task_ids=self.export)["folder"])
        training = RiskTraining.read(folder)
        try:
            proof, model = training.proof(), training.model()
        except CanaryError as error:
            raise AirflowSkipException(str(error)) from error
        write_atomically(folder / _MODEL, json.dumps(model.to_json(), indent=1))
        figures = {name: getattr(proof, name) for name in ("calibration_error", "brier", "log_loss")}
        self.log.info("%s", proof.sentence)
        return {
            "is_good": proof.is_good,
            "why": proof.sentence,
            "metrics": {name: value for name, value in figures.items() if math.isfinite(value)},
        }


class RegisterRisk(BaseOperator):
    """Registers the model with its proof, and has it used where the proof is good; safe to repeat.

    Args:
        export: id of the task that exported.
        train: id of the task that trained.
        report: id of the task that ran the notebook, which is kept with the model.
        use: `True` to make a proven model the champion; a template.
    """

    template_fields = ("use",)

    def __init__(self, *, export: str, train: str, report: str, use: str = "True", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.export, self.train, self.report, self.use = export, train, report, use

    def execute(self, context: Context) -> dict[str, Any]:
        """Gives the version and whether it is used."""
        exported, trained, pages = (context["ti"].xcom_pull(task_ids=t) for t in (self.export, self.train, self.report))
        folder, who = Path(exported["folder"]), f"{self.dag_id}/{run_id_of(context)}"
        training = RiskTraining.read(folder)
        models = RiskModels(Records.open(), MlflowHook().url())
        version = models.register(
            RiskModel.from_json(json.loads((folder / _MODEL).read_text())),
            training.policy,
            who=who,
            why=trained["why"],
            provenance={**training.provenance(), "run": who},
            metrics=trained["metrics"],
            artifacts={f"report/{Path(path).name}": Path(path) for path in pages.values()},
        )
        is_used = bool(trained["is_good"]) and self.use == "True"
        if is_used:
            models.make_champion(version, who=who, why=trained["why"])
        self.log.info("version %d, %s", version, "in use" if is_used else "not in use")
        return {"version": version, "is_used": is_used}
