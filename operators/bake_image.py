"""Bake: an immutable image of an artifact, the same input always the same digest."""

import getpass
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from operators.clouds import open_cloud
from operators.clouds.cloud import BakeRequest
from operators.errors import CloudError
from operators.learning.change_facts import record_change
from operators.records import Json, Kind
from operators.stage import StageOperator, local_path, run_id_of


class BakeImage(StageOperator):
    """Bakes the artifact's directory and returns the image's name, version and digest.

    Args:
        artifact: the artifact's name.
        source: its directory; a template, so that a run may be given another one.
        settings: what else decides the image (`os`, `jdk`, ...).
        cloud: the cloud that bakes.
    """

    template_fields = ("source", "settings")

    def __init__(
        self, *, artifact: str, source: str, settings: Mapping[str, str], cloud: str = "local", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.artifact = artifact
        self.source = source
        self.settings = settings
        self.cloud = cloud

    def execute(self, context: Context) -> dict[str, str]:
        """Bakes once a run; a second try gives the same image, or says that the source changed."""
        run = self.enter(context)
        subject = replace(run.subject, stage=self.scope.stage)
        request = BakeRequest(self.artifact, local_path(self.source), self.settings, _origin(context))

        def bake(_: int) -> dict[str, Json]:
            image = open_cloud(self.cloud).bake(request)
            return {"name": image.name, "version": image.version, "digest": image.digest}

        key = f"{run.subject.run}/{self.scope.stage}//bake"
        intent: dict[str, Json] = {"artifact": self.artifact, "source": self.source, "settings": dict(self.settings)}
        try:
            image = run.records.journal.once(key, subject, intent, bake)
        except CloudError as error:
            self.turn_back(context, f"{self.scope.stage}: {error}")
            raise AirflowFailException(str(error)) from error
        self.log.info("baked %s %s as %s", image["name"], image["version"], image["digest"])
        if not run.records.search(kind=Kind.IMAGE, run=run.subject.run, stage=self.scope.stage, limit=1):
            run.records.append(Kind.IMAGE, subject, image)
        record_change(run.records, subject, image)
        return {k: str(v) for k, v in image.items()}


def _origin(context: Context) -> dict[str, str]:
    return {"run": run_id_of(context), "baked_by": getpass.getuser()}
