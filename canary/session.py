"""The way in: start a judge, or judge stored looks at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from canary.config import CanaryConfig, JudgeKind
from canary.judgment import UNSEEN, Judgment
from canary.looks import Look


class Session(Protocol):
    """One canary being judged, fed look by look."""

    def add(self, look: Look) -> Judgment:
        """The judgment with `look` taken in."""


def start(config: CanaryConfig) -> Session:
    """A session of the judge that `config` names, without looks yet."""
    return _JUDGES[config.judge](config)


def judge(config: CanaryConfig, looks: Sequence[Look]) -> Judgment:
    """The judgment of stored looks: bit for bit that of a session that was given them one by one."""
    session, judgment = start(config), UNSEEN
    for look in looks:
        judgment = session.add(look)
    return judgment


def _sequential(config: CanaryConfig) -> Session:
    # NumPy is loaded only where a judge runs, not wherever a configuration is read.
    from canary.sequential.session import SequentialSession

    return SequentialSession(config)


def _kayenta(config: CanaryConfig) -> Session:
    from canary.kayenta.session import KayentaSession

    return KayentaSession(config)


def _threshold(config: CanaryConfig) -> Session:
    from canary.threshold.session import ThresholdSession

    return ThresholdSession(config)


_JUDGES: Final[Mapping[JudgeKind, Callable[[CanaryConfig], Session]]] = {
    JudgeKind.SEQUENTIAL: _sequential,
    JudgeKind.KAYENTA: _kayenta,
    JudgeKind.THRESHOLD: _threshold,
}
