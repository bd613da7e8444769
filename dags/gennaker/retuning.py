"""The policies of retuning: `policies/retuning.yaml` -> a policy for each threshold profile, or clear errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from canary.config import JudgeKind
from canary.learning.policy import Approval, RetuningPolicy
from gennaker.errors import PipelineErrors, Problem, unknown
from gennaker.explain import validate
from gennaker.parse import parse_file
from gennaker.read import Library
from gennaker.tree import Table, place_of

_DAG: Final = "retune_thresholds"
#: The profile whose DAG has no suffix.
_FIRST: Final = "standard"


def dag_id_of(profile: str) -> str:
    """The id of the DAG that retunes a profile."""
    return _DAG if profile == _FIRST else f"{_DAG}_{profile}"


def retuning_policies(folder: Path) -> Mapping[str, RetuningPolicy]:
    """The policy of each profile that is retuned; none without the file.

    Raises PipelineErrors for an unknown profile, one of another judge, or a policy that is wrong.
    """
    path = folder / "policies" / "retuning.yaml"
    if not path.is_file():
        return {}
    tree, library = parse_file(path), Library(folder)
    return {name: _policy(name, tree, library) for name in tree}


def _policy(name: str, tree: Table, library: Library) -> RetuningPolicy:
    place = tree.key_place(name)
    if name not in (known := library.profile_names()):
        raise PipelineErrors([Problem(place, unknown("profile", name, known))])
    if library.canary(name, {}).judge is not JudgeKind.SEQUENTIAL:
        raise PipelineErrors([Problem(place, f"'{name}' is not of the judge 'sequential', the one that is retuned")])
    said = tree[name]
    if not isinstance(said, Table):
        raise PipelineErrors([Problem(tree.value_place(name), f"expected a policy of '{name}', keys with values")])
    policy = validate(RetuningPolicy, said)
    if policy.approval is Approval.PERSON and not policy.approvers:
        what = "expected 'approvers', as a person approves; or 'approval: unattended'"
        raise PipelineErrors([Problem(place_of(tree, (name,)), what)])
    return policy
