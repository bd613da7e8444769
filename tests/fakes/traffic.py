"""Traffic as a router would have counted it: cumulative counters, look by look."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from canary import CanaryConfig, Side
from operators.learning.pinning import ProfileUse


def traffic(
    control: str,
    canary: str,
    *,
    requests: tuple[int, int] = (100, 100),
    errors: tuple[float, float] = (0.002, 0.002),
    harm_from: int = 0,
) -> Iterator[dict[str, Side]]:
    """Counters of the two groups without end.

    Args:
        control: name of the control's group.
        canary: name of the canary's group.
        requests: of control and canary between two looks.
        errors: share of them that fail.
        harm_from: the look from which on the canary's share of errors holds; before it fails like the control.
    """
    (n_control, n_canary), (bad_control, bad_canary) = requests, errors
    for look in count(1):
        early, late = min(look, harm_from), max(look - harm_from, 0)
        failed = n_canary * (early * bad_control + late * bad_canary)
        yield {
            control: Side(n_control * look, int(n_control * look * bad_control)),
            canary: Side(n_canary * look, int(failed)),
        }


#: Shares of errors of a control and of a canary that harms.
HARM = (0.002, 0.12)


def a_config(**more: Any) -> dict[str, Any]:
    """A canary configuration for looks a second, decided in seconds by the error rate alone."""
    metric = {"name": "error_rate", "tolerance": 1.2, "margin": 3, "negligible": 0.02}
    told = {"interval": "1s", "min_duration": "5s", "duration": "1m", "min_requests": 50, "metrics": [metric]}
    return CanaryConfig.model_validate({"profile": "quick", **told, **more}).model_dump(mode="json")


def a_use(**overrides: Any) -> dict[str, Any]:
    """What a stage says of the profile `quick`, which is `a_config()`, and what it lays on top."""
    return ProfileUse("quick", a_config(), overrides=overrides).to_json()
