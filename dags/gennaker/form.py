"""The trigger form of a pipeline: what a run is asked for, as Airflow's Params."""

from typing import Any

from airflow.sdk import Param

from gennaker.model import Pipeline
from gennaker.parameters import Parameter, Scalar
from operators.stage import ARTIFACT


def form_of(pipeline: Pipeline) -> dict[str, Param]:
    """Artifacts first, then parameters; Airflow refuses a run whose values do not fit."""
    artifacts = {
        artifact_parameter(name): Param(
            artifact.path, type="string", minLength=1, title=f"Artifact {name}", description="Directory to bake."
        )
        for name, artifact in pipeline.artifacts.items()
    }
    return artifacts | {name: _param(parameter) for name, parameter in pipeline.parameters.items()}


def _param(parameter: Parameter) -> Param:
    limits: dict[str, Scalar | list[Scalar] | None] = {
        "enum": list(parameter.enum) or None,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "pattern": parameter.pattern or None,
        "description": parameter.description or None,
    }
    given = {k: v for k, v in limits.items() if v is not None}
    if parameter.default is not None:
        given["default"] = parameter.default
    schema: Any = given
    return Param(type=parameter.type.value, **schema)


def artifact_parameter(artifact: str) -> str:
    """The run parameter that says where an artifact is."""
    return ARTIFACT + artifact.replace("-", "_")
