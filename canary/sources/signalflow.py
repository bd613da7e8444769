"""SignalFlow: the programs that are sent, and the stream of messages that comes back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from canary.errors import CanaryError
from canary.sources.answers import Outcome, SourceError
from canary.sources.nrql import quoted
from canary.sources.queries import Scope
from canary.sources.shapes import Options, a_list, a_mapping, malformed, number

#: Extended scope parameters that name the dimensions of scope and location, as in Kayenta.
_SCOPE_KEY: Final = "_scope_key"
_LOCATION_KEY: Final = "_location_key"


class SignalFlowOptions(Options):
    """Options of a SignalFx query that has no text, as in Kayenta: the program is made of them and the scope."""

    metric_name: str = ""
    query_pairs: tuple[str, ...] = ()
    aggregation_method: str = "mean"
    scope_key: str = ""
    location_key: str = ""


def program_of(options: SignalFlowOptions, scope: Scope, defaults: SignalFlowOptions) -> str:
    """The program that reads one metric of one side, aggregated over its series.

    Each of `query_pairs` is `key=value`, a tag or dimension; `!` before the key negates it, commas part values.

    Raises:
        CanaryError: when no metric is named, or nothing says which dimension is the scope's.
    """
    if not options.metric_name:
        raise CanaryError("a SignalFx query is empty", mend="give a program, or `metric_name`")
    parameters = scope.parameters
    scope_key = options.scope_key or parameters.get(_SCOPE_KEY) or defaults.scope_key
    location_key = options.location_key or parameters.get(_LOCATION_KEY) or defaults.location_key
    if not scope_key:
        why = f"neither `scope_key` nor the scope parameter {_SCOPE_KEY} is given"
        raise CanaryError("a SignalFx query does not say which dimension is the scope's", why=why, mend="give one")
    more = {name: value for name, value in parameters.items() if not name.startswith("_")}
    scopes = {scope_key: scope.scope, **({location_key: scope.location} if location_key else {}), **more}
    filters = [_filter(*_pair(each)) for each in options.query_pairs]
    filters += [f"filter({quoted(key)}, {quoted(value)})" for key, value in scopes.items()]
    by = ", ".join(quoted(key) for key in (*more, *([location_key] if location_key else []), scope_key))
    data = f"data({quoted(options.metric_name)}, filter={' and '.join(filters)})"
    return f"{data}.{options.aggregation_method}(by=[{by}]).publish()"


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip("!"):
        raise CanaryError(f"a query pair of SignalFx is {text!r}", why="expected key=value", mend="write it so")
    return key, value


def _filter(key: str, value: str) -> str:
    values = ", ".join(quoted(each.strip()) for each in value.split(","))
    one = f"filter({quoted(key.removeprefix('!'))}, {values})"
    return f"(not {one})" if key.startswith("!") else one


@dataclass(slots=True)
class Stream:
    """What a computation gave: points `(Unix time in seconds, value)` and labels by series, and how it ended."""

    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    resolution_s: float | None = None
    is_whole: bool = False
    missing: str = ""


def read_stream(content: bytes) -> Stream:
    """The messages of a computation, put together.

    Raises:
        SourceError: refused or unreachable where the computation failed or was stopped; malformed.
    """
    stream = Stream()
    kinds = {"metadata": _metadata, "data": _data, "message": _message, "control-message": _control, "error": _error}
    for kind, message in _events(content):
        if kind in kinds:
            kinds[kind](stream, message)
    if not stream.is_whole:
        stream.missing = stream.missing or "the answer of SignalFx breaks off before its end"
    return stream


def _events(content: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Server-sent events: kind and data; one that no empty line ends was cut off and is left out."""
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise malformed("not a stream of SignalFx", error) from error
    kind, data = "", list[str]()
    for line in lines:
        name, colon, value = line.partition(":")
        if not line:
            if data:
                yield kind, _parsed("\n".join(data))
            kind, data = "", []
        elif not colon or name not in ("", "event", "data", "id", "retry"):
            raise malformed("not a stream of SignalFx", line)
        elif name == "event":
            kind = value.strip()
        elif name == "data":
            data.append(value.removeprefix(" "))


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        return a_mapping(json.loads(text), "a message of SignalFx")
    except (ValueError, RecursionError) as error:
        raise malformed("a message of SignalFx is no JSON", text) from error


def _metadata(stream: Stream, message: Mapping[str, Any]) -> None:
    """The labels of a series: its key without what SignalFx made."""
    properties = a_mapping(message.get("properties"), "metadata of SignalFx")
    keys = properties.get("sf_key") or list(properties)
    wanted = [str(key) for key in keys if not str(key).startswith("sf_") and key != "computationId"]
    labels = {key: str(properties[key]) for key in wanted if key in properties}
    identity = str(message.get("tsId"))
    stream.labels[identity] = labels
    stream.points.setdefault(identity, [])


def _data(stream: Stream, message: Mapping[str, Any]) -> None:
    at_s = number(message.get("logicalTimestampMs")) / 1000
    for each in a_list(message.get("data"), "data of SignalFx"):
        datum = a_mapping(each, "a point of SignalFx")
        stream.points.setdefault(str(datum.get("tsId")), []).append((at_s, number(datum.get("value"))))


def _message(stream: Stream, message: Mapping[str, Any]) -> None:
    told = a_mapping(message.get("message") or {}, "a message of SignalFx")
    contents = a_mapping(told.get("contents") or {}, "a message of SignalFx")
    code = told.get("messageCode")
    if code == "JOB_RUNNING_RESOLUTION":
        stream.resolution_s = number(contents.get("resolutionMs")) / 1000
    if code == "FIND_LIMITED_RESULT_SET":
        stream.missing = f"SignalFx took {contents.get('limitSize')} of {contents.get('matchedSize')} series"
    if told.get("messageLevel") in ("WARNING", "ERROR"):
        stream.notes.append(f"SignalFx: {code}")


def _control(stream: Stream, message: Mapping[str, Any]) -> None:
    match message.get("event"):
        case "END_OF_CHANNEL":
            stream.is_whole = True
        case "CHANNEL_ABORT":
            info = a_mapping(message.get("abortInfo") or {}, "an abortInfo of SignalFx")
            why = f"SignalFx stopped: {info.get('sf_job_abortState')} {info.get('sf_job_abortReason')}"
            raise SourceError(Outcome.UNREACHABLE, why)


def _error(_: Stream, message: Mapping[str, Any]) -> None:
    raise SourceError(Outcome.REFUSED, f"SignalFx: {message.get('errors') or message.get('message') or message}")
