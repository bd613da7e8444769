"""How a recorded canary would have ended under other settings."""

from dataclasses import dataclass

from canary.judgment import Verdict


@dataclass(frozen=True, slots=True)
class Ending:
    """How a canary would have ended.

    Args:
        id: of the recorded judgment.
        verdict: the verdict; INCONCLUSIVE where the looks ended, or the time was over, without another.
        seconds: from the first look to the verdict, or to the last look.
        is_cut_short: whether the looks ended, because the canary was stopped, before these settings came to an end.
    """

    id: str
    verdict: Verdict
    seconds: float
    is_cut_short: bool
