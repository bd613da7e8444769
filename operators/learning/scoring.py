"""The risk of a run, worked out once when its first canary begins, and never a reason for a release to fail."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from canary.config import CanaryConfig
from canary.errors import GennakerError
from canary.judgment import Verdict
from canary.learning.labelled import facts_to_json
from operators.learning.release_facts import facts_of
from operators.learning.risk import Action, RiskPolicy, ServedRisk, action_for, cautious
from operators.learning.risk_models import RiskModels
from operators.patience import within
from operators.records import Json, Kind, Record, Records, Subject, chain
from operators.records.records import utc_now
from operators.records.redact import redact_text

log = logging.getLogger(__name__)

#: What the record of a run's risk is called, among those of the model's life.
_SCORED: Final = "scored"
#: Things that a sentence names.
_NAMED: Final = 3
#: Longest wait for MLflow, whatever it is that hangs; it answers in some 20 ms when it is well.
PATIENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Risk:
    """What is known of a run's risk.

    Args:
        probability: of being rolled back or turning out bad, in (0, 1); None where no model says.
        version: of the model; 0 without one.
        policy: what follows from the probability.
        why: in a sentence.
    """

    probability: float | None
    version: int
    policy: RiskPolicy
    why: str

    @property
    def action(self) -> Action:
        """What is done about it."""
        return action_for(self.probability, self.policy)


def with_caution(
    config: CanaryConfig, subject: Subject, records: Records, server: Callable[[], str], **given: Any
) -> CanaryConfig:
    """The settings of a canary of this run, with more time where it is risky; the same whenever it is asked.

    Args:
        config: the settings.
        subject: the run; stage and region do not matter.
        records: where its risk is, or will be.
        server: gives the address of MLflow; `""` for that of the environment. Not asked once the run has its risk.
        given: `clock`, as of `risk_of`.
    """
    risk = risk_of(subject, records, server, **given)
    return cautious(config, risk.probability, risk.policy)


def with_question(
    judged: Mapping[str, str], subject: Subject, records: Records, server: Callable[[], str]
) -> dict[str, str]:
    """What a judging task returns, with `ask` and why where the run's risk asks for a person although it passed.

    Args:
        judged: the verdict and its reason.
        subject: the run.
        records: where its risk is.
        server: as of `with_caution`.
    """
    risk = risk_of(subject, records, server)
    if judged["verdict"] != Verdict.PASS.value or risk.action is not Action.JUDGMENT:
        return dict(judged)
    return {**judged, "ask": risk.why, "reason": f"{judged['reason']} A person is asked, as there is {risk.why}."}


def risk_of(
    subject: Subject, records: Records, server: Callable[[], str], clock: Callable[[], datetime] = utc_now
) -> Risk:
    """The run's risk: as it is recorded, or else worked out and recorded now, once."""
    if known := records.search(kind=Kind.RISK, run=subject.run, limit=1):
        return _read(known[0])
    run = Subject(run=subject.run, pipeline=subject.pipeline, service=subject.service)
    body = _worked_out(records, run, server)
    with records.database.write() as connection:
        first = chain.search(connection, {"kind": Kind.RISK.value, "run": run.run}, limit=1)
        record = first[0] if first else chain.append(connection, clock(), Kind.RISK, run, body)
    log.info("risk run=%s probability=%s action=%s", run.run, record.body["probability"], record.body["action"])
    return _read(record)


def _worked_out(records: Records, subject: Subject, server: Callable[[], str]) -> dict[str, Json]:
    """The body of the record; without a model or facts, the reason why nothing is done."""
    served, origin, why = _served(records, server)
    try:
        facts = facts_of(records, subject.run, subject.service)
    except (GennakerError, KeyError, TypeError, ValueError) as error:
        facts, why = None, f"what is known of the release cannot be read: {error}"
    if served is None or facts is None:
        body = _body(Risk(None, 0, RiskPolicy(), why or "the run was never opened"), origin, ())
        return body | ({"facts": facts_to_json(facts)} if facts else {})
    parts = served.model.contributions(facts)
    probability = served.model.probability(facts)
    why = "; ".join(part for part in (_sentence(probability, parts), why) if part)
    risk = Risk(probability, served.version, served.policy, why)
    return _body(risk, origin, parts) | {"facts": facts_to_json(facts)}


def _served(records: Records, server: Callable[[], str]) -> tuple[ServedRisk | None, str, str]:
    """The model, where it comes from, and what went wrong."""
    try:
        served = within(PATIENCE_S, RiskModels(records, server()).champion)
        return served, "registry" if served else "none", "" if served else "no model of risk is in use"
    except (GennakerError, httpx.InvalidURL) as error:
        log.warning("risk_model_unreachable why=%s", redact_text(str(error)))
        why = f"the model in use could not be fetched: {redact_text(str(error))}"
    try:
        served = RiskModels(records).last_known()
    except GennakerError as error:
        return None, "none", str(error)
    return served, "last known" if served else "none", why


def _body(risk: Risk, origin: str, parts: tuple[tuple[str, float], ...]) -> dict[str, Json]:
    return {
        "event": _SCORED,
        "probability": risk.probability,
        "version": risk.version,
        "contributions": [[name, round(part, 4)] for name, part in parts],
        "action": risk.action.value,
        "policy": risk.policy.model_dump(mode="json"),
        "origin": origin,
        "why": risk.why,
    }


def _read(record: Record) -> Risk:
    body: Mapping[str, Any] = record.body
    return Risk(body["probability"], int(body["version"]), RiskPolicy.model_validate(body["policy"]), str(body["why"]))


def _sentence(probability: float, parts: tuple[tuple[str, float], ...]) -> str:
    """The risk and what made it so, for a person.

    >>> _sentence(0.42, (("files changed", 0.9), ("time of day", -0.2)))
    'a risk of 42 %: files changed +0.9, time of day -0.2'
    """
    named = ", ".join(f"{name} {part:+.1f}" for name, part in parts[:_NAMED])
    return f"a risk of {100 * probability:.0f} %: {named}"
