"""Numbers in, judgment out: canary judges that may be looked at all the time."""

from canary.config import CanaryConfig, JudgeKind, MetricConfig, MetricKind
from canary.errors import CanaryError, GennakerError
from canary.judgment import Judgment, MetricResult, Verdict
from canary.looks import Look, Side
from canary.session import Session, judge, start

__all__ = [
    "CanaryConfig",
    "CanaryError",
    "GennakerError",
    "JudgeKind",
    "Judgment",
    "Look",
    "MetricConfig",
    "MetricKind",
    "MetricResult",
    "Session",
    "Side",
    "Verdict",
    "judge",
    "start",
]
