"""The policy of housekeeping: `policies/housekeeping.yaml` -> days, or clear errors."""

from pathlib import Path

from gennaker.explain import validate
from gennaker.parse import parse_file
from operators.learning.housekeeping import HousekeepingPolicy


def housekeeping_policy(folder: Path) -> HousekeepingPolicy:
    """The policy in a folder of pipelines; the default without its file. Raises PipelineErrors."""
    path = folder / "policies" / "housekeeping.yaml"
    return validate(HousekeepingPolicy, parse_file(path)) if path.is_file() else HousekeepingPolicy()
