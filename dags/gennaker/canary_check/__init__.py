"""Is a canary's configuration right, and what does it mean: threshold profiles, and Kayenta's canary configs."""

from pathlib import Path

from gennaker.canary_check.findings import Findings
from gennaker.canary_check.kayenta import check_kayenta
from gennaker.canary_check.profile import check_profile

__all__ = ["Findings", "check_file"]


def check_file(path: Path, dags: Path) -> Findings:
    """What is to be said of a file: a Kayenta canary config if it is `.json`, else a threshold profile.

    Args:
        path: the file.
        dags: the folder whose `canaries` a profile may extend.
    """
    return check_kayenta(path) if path.suffix == ".json" else check_profile(path, dags)
