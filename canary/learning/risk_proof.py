"""Whether a model of risk is worth using: learned before a date, and held to the releases after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from canary.learning.calibration import Bin, brier_score, expected_calibration_error, log_loss, reliability
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.risk import RiskModel, settled, train

#: Releases of the last so many days are held out by default.
HELD_OUT: Final = timedelta(days=60)
#: Probabilities may be this far off on average.
CALIBRATION_TARGET: Final = 0.05


@dataclass(frozen=True, slots=True)
class RiskProof:
    """How a model did on releases that it was not learned from.

    Args:
        model: learned from what was known at `cut`.
        cut: releases from then on are held out.
        releases: how many were.
        bad: how many of them turned out bad.
        calibration_error: how far predicted and observed shares are apart, in [0, 1].
        brier: mean squared distance from what happened.
        log_loss: of the model, lower is better.
        log_loss_constant: of saying for every release the share of bad ones that was learned from.
        table: predicted and observed, by group.
    """

    model: RiskModel
    cut: datetime
    releases: int
    bad: int
    calibration_error: float
    brier: float
    log_loss: float
    log_loss_constant: float
    table: tuple[Bin, ...]

    @property
    def is_good(self) -> bool:
        """Whether the probabilities may be believed, and tell more than the share of bad ones does."""
        return self.calibration_error <= CALIBRATION_TARGET and self.log_loss < self.log_loss_constant

    @property
    def sentence(self) -> str:
        """The same for a person."""
        told = "the share of bad ones alone"
        better = f"better than {told}" if self.log_loss < self.log_loss_constant else f"no better than {told}"
        return (
            f"on {self.releases} releases held out since {self.cut:%Y-%m-%d}, {self.bad} of them bad, probabilities "
            f"are off by {self.calibration_error:.3f} on average (at most {CALIBRATION_TARGET:g}) and {better} "
            f"(log loss {self.log_loss:.4f} against {self.log_loss_constant:.4f})"
        )


def prove(releases: Sequence[LabelledRelease], as_of: datetime, held_out: timedelta = HELD_OUT) -> RiskProof:
    """Learns from what was known `held_out` before `as_of`, and compares with what happened then.

    Raises CanaryError when there is too little to learn from; with nothing held out, figures are NaN and prove nothing.
    """
    cut = as_of - held_out
    model = train(releases, as_of=cut)
    after = [release for release in settled(releases, as_of) if release.facts.at >= cut]
    told = [model.probability(release.facts) for release in after]
    is_bad = [release.truth is Truth.BAD for release in after]
    share = model.training.bad / model.training.releases
    return RiskProof(
        model=model,
        cut=cut,
        releases=len(after),
        bad=sum(is_bad),
        calibration_error=expected_calibration_error(told, is_bad),
        brier=brier_score(told, is_bad),
        log_loss=log_loss(told, is_bad),
        log_loss_constant=log_loss([share] * len(after), is_bad),
        table=reliability(told, is_bad),
    )
