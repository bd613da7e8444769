"""A question to a judge in JSON, and its answer in JSON: what the command and the remote judge share.

A question holds either looks at two sides, for the judge that its config names, or Kayenta's metric set pairs.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from pydantic import ValidationError

from canary import CanaryConfig, CanaryError, Look, Verdict, judge
from canary.kayenta import Compat, KayentaRequest
from canary.kayenta import judge as judge_pairs
from canary.pairs import judge_pairs as judge_by_evidence

_NOTHING: Final = msgspec.Raw(b"null")

#: What Kayenta's classes of a score are as verdicts; a marginal score decides nothing.
_VERDICTS: Final = {"Pass": Verdict.PASS, "Marginal": Verdict.INCONCLUSIVE, "Fail": Verdict.FAIL}


class PairJudge(StrEnum):
    """The judges of Kayenta's metric set pairs."""

    KAYENTA = "kayenta"
    KAYENTA_REPAIRED = "kayenta-repaired"
    SEQUENTIAL = "sequential"


@dataclass(frozen=True, slots=True)
class Given:
    """What a question need not say itself.

    Args:
        judge: the judge of metric set pairs.
        config: a Kayenta canary config, in JSON.
        thresholds: Kayenta's score thresholds, in JSON.
        settings: what looks are judged by.
    """

    judge: PairJudge = PairJudge.KAYENTA
    config: bytes | None = None
    thresholds: bytes | None = None
    settings: CanaryConfig | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge says: one line of JSON, and the verdict."""

    text: str
    verdict: Verdict


class _Question(msgspec.Struct):
    """A question's parts, unread; Kayenta's names for them, and the short ones."""

    config: msgspec.Raw = _NOTHING
    canary_config: msgspec.Raw = msgspec.field(name="canaryConfig", default=_NOTHING)
    thresholds: msgspec.Raw = _NOTHING
    score_thresholds: msgspec.Raw = msgspec.field(name="scoreThresholds", default=_NOTHING)
    pairs: msgspec.Raw = msgspec.field(name="metricSetPairs", default=_NOTHING)
    pair_list: msgspec.Raw = msgspec.field(name="metricSetPairList", default=_NOTHING)
    looks: msgspec.Raw = _NOTHING


_QUESTION: Final = msgspec.json.Decoder(_Question)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def answer(text: bytes, given: Given) -> Answer:
    """The answer to one question; the same for the same question.

    Args:
        text: the question, `{"config", "thresholds", "metricSetPairs"}` or `{"config", "looks"}`.
        given: what it may leave out.

    Raises:
        CanaryError: when the question cannot be read, or its judge refuses it.
    """
    try:
        question = _QUESTION.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise _unreadable(str(error)) from error
    if question.looks != _NOTHING:
        return _of_looks(question, given)
    return _of_pairs(text, question, given)


def _of_looks(question: _Question, given: Given) -> Answer:
    config = given.settings if question.config == _NOTHING else _settings(bytes(question.config))
    if config is None:
        raise CanaryError(
            "a question to a judge has no config",
            why="looks are judged by the settings of a threshold profile",
            mend='add "config": {"metrics": [...], ...}',
        )
    judgment = judge(config, _looks(bytes(question.looks)))
    return Answer(judgment.to_json(), judgment.verdict)


def _settings(text: bytes) -> CanaryConfig:
    try:
        return CanaryConfig.model_validate_json(text)
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, ('config', *flaw['loc'])))}: {flaw['msg']}" for flaw in error.errors())
        raise CanaryError("the config of a question to a judge is not valid", why=why, mend="correct it") from error


def _looks(text: bytes) -> list[Look]:
    try:
        items = _ITEMS.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _unreadable(f"looks: {error}") from error
    looks = []
    for number, item in enumerate(items):
        try:
            looks.append(Look.from_json(bytes(item).decode()))
        except CanaryError as error:
            raise _unreadable(f"looks.{number}: {error.why}") from error
    return looks


def _of_pairs(text: bytes, question: _Question, given: Given) -> Answer:
    if given.config is not None or given.thresholds is not None:
        text = _filled(question, given)
    if given.judge is PairJudge.SEQUENTIAL:
        result_text, judgment = judge_by_evidence(text)
        return Answer(result_text, judgment.verdict)
    compat = Compat.REPAIRED if given.judge is PairJudge.KAYENTA_REPAIRED else Compat.EXACT
    result = judge_pairs(KayentaRequest.from_json(text), compat=compat)
    return Answer(result.to_json(), _VERDICTS[result.score.classification.value])


def _filled(question: _Question, given: Given) -> bytes:
    """The question with what is given where it has nothing of its own."""
    parts = {
        "config": _first(question.config, question.canary_config, given.config),
        "thresholds": _first(question.thresholds, question.score_thresholds, given.thresholds),
        "metricSetPairs": _first(question.pairs, question.pair_list, None),
    }
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), part) for name, part in parts.items())


def _first(part: msgspec.Raw, other: msgspec.Raw, given: bytes | None) -> bytes:
    own = next((each for each in (part, other) if each != _NOTHING), None)
    if own is not None:
        return bytes(own)
    return given if given is not None else bytes(_NOTHING)


def _unreadable(why: str) -> CanaryError:
    mend = 'give {"config", "thresholds", "metricSetPairs"} or {"config", "looks"}'
    return CanaryError("a question to a judge cannot be read", why=why, mend=mend)
