"""The settings that the canary commands judge by: a threshold profile, a file, and single settings on top."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from canary import CanaryConfig

DEFAULT_PROFILE: Final = "standard"

Profile = Annotated[str | None, typer.Option(help=f"Threshold profile by name. Default: {DEFAULT_PROFILE}.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="File of a threshold profile, instead.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE on top, such as alpha=0.05 or latency.margin=2; may be repeated."),
]


def chosen(profile: str | None, config: Path | None, overrides: Sequence[str] | None, dags: Path) -> "CanaryConfig":
    """The settings asked for.

    Args:
        profile: name of a threshold profile below `dags`.
        config: file of one anywhere, instead.
        overrides: `KEY=VALUE`, each laid on top.
        dags: the folder that holds `canaries`.

    Raises PipelineErrors when a file is wrong, CanaryError when the settings on top are, and
    typer.BadParameter when the options themselves are.
    """
    from gennaker.canary_check.files import profile_in
    from gennaker.read import load

    if profile is not None and config is not None:
        raise typer.BadParameter("give --profile or --config, not both")
    if config is not None:
        found = profile_in(config, dags)
    else:
        name = profile or DEFAULT_PROFILE
        _check_name(name, dags)
        found = load(dags).canary(name, {})
    return with_overrides(found, overrides or ())


def with_overrides(config: "CanaryConfig", overrides: Sequence[str]) -> "CanaryConfig":
    """The settings with each `KEY=VALUE` laid on top; a metric's are `METRIC.KEY=VALUE`.

    Raises CanaryError when a value does not fit, and typer.BadParameter when there is no such key.
    """
    from pydantic import ValidationError

    from canary import CanaryConfig, CanaryError

    if not overrides:
        return config
    settings = config.model_dump(mode="json")
    for text in overrides:
        key, value = _pair(text)
        *owner, name = key.rsplit(".", 1)
        target = _owned(owner[0], settings) if owner else settings
        if name not in target:
            from gennaker.errors import unknown

            raise typer.BadParameter(unknown("setting", name, target))
        target[name] = value
    try:
        return CanaryConfig.model_validate(settings)
    except ValidationError as error:
        flaws = [f"{'.'.join(map(str, flaw['loc'])) or 'settings'}: {flaw['msg']}" for flaw in error.errors()]
        given = ", ".join(overrides)
        raise CanaryError(f"--set {given} does not fit", why="; ".join(flaws), mend="give another value") from error


def _check_name(name: str, dags: Path) -> None:
    from gennaker.errors import unknown
    from gennaker.read import load

    known = load(dags).profile_names()
    if name not in known:
        raise typer.BadParameter(f"{unknown('threshold profile', name, known)} (in {dags / 'canaries'})")


def _owned(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a metric, or of a judge."""
    from gennaker.errors import unknown

    owners: dict[str, Any] = {key: value for key, value in settings.items() if isinstance(value, dict)}
    owners |= {metric["name"]: metric for metric in settings["metrics"]}
    if name not in owners:
        raise typer.BadParameter(unknown("metric", name, owners))
    owned: dict[str, Any] = owners[name]
    return owned


def _pair(text: str) -> tuple[str, object]:
    """The key, and the value as JSON has it; any other text is itself."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise typer.BadParameter(f"expected KEY=VALUE, found {text!r}")
    try:
        return key.strip(), json.loads(value)
    except ValueError:
        return key.strip(), value.strip()
