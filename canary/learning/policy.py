"""What retuning may do: the cost it lowers, the bounds it keeps to, and when a challenger is good enough."""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from canary.durations import Duration


class Approval(StrEnum):
    """Who makes a challenger the champion."""

    PERSON = "person"
    UNATTENDED = "unattended"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Costs(_Settings):
    """What mistakes and waiting cost, in units of one false rollback."""

    false_rollback: float = Field(default=1.0, ge=0, le=1e6, description="A good release that is judged harmful.")
    miss: float = Field(default=10.0, ge=0, le=1e6, description="A bad release that is let through.")
    undecided: float = Field(default=0.3, ge=0, le=1e6, description="A canary that ends without PASS, FAIL or ERROR.")
    hour_until_verdict: float = Field(default=0.2, ge=0, le=1e6, description="An hour of waiting for any verdict.")


class Bounds(_Settings):
    """How far one retuning may move each setting from the champion's."""

    alpha_factor: float = Field(default=4.0, ge=1, le=100, description="Alpha and beta: at most times or divided by.")
    margin_factor: float = Field(default=1.5, ge=1, le=10, description="The part of a margin or tolerance above 1.")
    margin_step: float = Field(
        default=0.02, ge=0, le=10, description="A margin or tolerance may always move by this; 1 times a factor stays."
    )
    negligible_factor: float = Field(default=10.0, ge=1, le=1000, description="A probability that is safe anyhow.")
    weight_factor: float = Field(default=2.0, ge=1, le=100, description="A metric's weight.")
    time_factor: float = Field(default=2.0, ge=1, le=20, description="Interval, least and longest time.")
    requests_factor: float = Field(default=4.0, ge=1, le=100, description="The least number of requests.")


class RetuningPolicy(_Settings):
    """How one threshold profile learns.

    What holds for all time, whatever is learned: see `floor` and `ceiling` of alpha and margin.
    """

    approval: Approval = Field(default=Approval.PERSON, description="Whether a person approves, or nobody is asked.")
    approvers: tuple[str, ...] = Field(default=(), description="Who may approve; with `person` at least one.")
    approval_wait: Duration = Field(default=timedelta(days=3), description="Unanswered by then means no.")
    costs: Costs = Field(default=Costs(), description="What mistakes and waiting cost.")
    bounds: Bounds = Field(default=Bounds(), description="How far one retuning may go.")
    false_rollback_target: float = Field(
        default=0.02, gt=0, lt=1, description="Share of good releases that FAIL or ERROR rolls back."
    )
    bad_share: float = Field(default=0.05, gt=0, lt=1, description="Share of bad releases, before anything is known.")
    min_labelled: int = Field(
        default=50, ge=1, le=1_000_000, description="Labelled canaries below which nothing is tried."
    )
    no_worse_by: float = Field(
        default=0.02, ge=0, le=1, description="Held out, the cost may grow by this part at most."
    )
    held_out: float = Field(default=0.3, gt=0, lt=1, description="Part of the labelled canaries kept for the proof.")
    max_service_share: float = Field(default=0.2, gt=0, le=1, description="No service counts for more than this part.")
    trials: int = Field(default=60, ge=1, le=10_000, description="Settings that the search tries.")
    alpha_ceiling: float = Field(default=0.1, gt=0, lt=0.5, description="Alpha never rises above this.")
    margin_ceiling: float = Field(default=4.0, gt=1, le=1000, description="No margin ever rises above this.")
