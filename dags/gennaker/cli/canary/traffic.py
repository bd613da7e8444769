"""The options that describe traffic, made from the model of it."""

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from canary.simulation import Traffic

Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Trials = Annotated[int, typer.Option(min=1, max=100_000, help="Simulated canaries for each answer.")]


#: Each setting of the traffic with its help. They repeat the model, because importing it would slow every command; a
#: test compares the two.
TRAFFIC: Final = {
    "rate": (100.0, "Requests a second on each side at an even split."),
    "share": (0.5, "The canary's share of both sides' traffic."),
    "ramp": ("", "Percentages of the steps of a ramp, equally long, such as 5,20,50; instead of --share."),
    "error_rate": (0.01, "Share of the baseline's requests that fail."),
    "harm": (1.0, "Odds ratio of a failing request, canary against baseline."),
    "latency_ms": (100.0, "Median latency of the baseline."),
    "spread": (0.6, "Standard deviation of the logarithm of a latency."),
    "slower": (1.0, "Factor on the canary's latencies."),
    "harm_from": (0.0, "Part of the time after which the harm begins."),
    "drift": (1.0, "Factor by which both sides' error rate has grown at the end."),
    "cluster": (1.0, "Mean size of the clusters that errors come in."),
    "noise": (0.0, "Standard deviation of a minute's log error rate; half as much a side."),
}


def takes_traffic(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command, in place of its parameter `traffic`, an option for each setting of the traffic.

    Args:
        without: settings that the command has itself, or not at all.
    """
    names = [name for name in TRAFFIC if name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [each for name, each in signature.parameters.items() if name != "traffic"]

        @wraps(command)
        def run(**given: Any) -> None:
            command(traffic=_traffic({name: given.pop(name) for name in names}), **given)

        parameters = [*own, *map(_option, names)]
        # What typer reads instead of the function's own.
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _option(name: str) -> inspect.Parameter:
    default, description = TRAFFIC[name]
    hints: dict[type, Any] = {
        float: Annotated[float, typer.Option(help=description)],
        str: Annotated[str, typer.Option(help=description)],
    }
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=hints[type(default)])


def _traffic(given: dict[str, Any]) -> "Traffic":
    from pydantic import ValidationError

    from canary.simulation import Traffic

    if "ramp" in given:
        given["ramp"] = _steps(given["ramp"])
    try:
        return Traffic.model_validate(given)
    except ValidationError as error:
        flaw = error.errors()[0]
        option = "--" + str(flaw["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{option}: {flaw['msg'].lower()}") from None


def _steps(text: str) -> list[float]:
    try:
        return [float(part.strip().rstrip("%")) / 100 for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"--ramp: expected percentages such as 5,20,50, found {text!r}") from None
