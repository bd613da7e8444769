"""Amazon CloudWatch, through boto3."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic import Field

from canary.durations import Duration
from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import pages
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import Secret, Settings
from canary.sources.shapes import Options, closed, number, whole_steps

#: Periods below a minute that CloudWatch has; above, multiples of a minute (API reference, MetricStat).
_SHORT_PERIODS: Final = frozenset({1, 5, 10, 20, 30})
#: What is added up over intervals that do not overlap; every other statistic is smoothed.
_COUNTS: Final = frozenset({"Sum", "SampleCount"})
#: Error codes that say nothing about the query.
_PASSING: Final = ("Throttl", "RequestLimitExceeded", "LimitExceeded", "TooManyRequests", "ServiceUnavailable")


class CloudWatchSettings(Settings):
    """Settings of the source `cloudwatch`."""

    region: str = Field(description="The region, such as us-east-1.")
    access_key_id: Secret | None = Field(default=None, description="An access key; else the usual chain of boto3 ...")
    secret_access_key: Secret | None = Field(default=None, description="... its secret ...")
    session_token: Secret | None = Field(default=None, description="... and its session token.")
    profile: str | None = Field(default=None, description="A profile of the AWS configuration instead.")
    url: str | None = Field(default=None, description="Another address, such as a VPC endpoint's.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="How long one try may take.")
    attempts: int = Field(default=5, ge=1, le=20, description="Tries, the first included; boto3 waits in between.")


class CloudWatchOptions(Options):
    """Options of a query; without a text they name one metric and its statistic."""

    namespace: str = ""
    metric_name: str = ""
    dimensions: tuple[str, ...] = ()
    stat: str = "Average"
    period: int = Field(default=0, ge=0)


class CloudWatch:
    """Reads CloudWatch.

    A query has the options `namespace`, `metric_name`, `dimensions` (each `Name=Value`), `stat` and `period` (seconds;
    else the span's step, rounded up to a minute). Or its text is an expression: metric math, SEARCH, Metrics Insights.
    `Sum` and `SampleCount` of one metric are counts; other statistics and expressions are smoothed unless the query
    says otherwise.

    Args:
        settings: region, credentials and limits.
    """

    Settings = CloudWatchSettings

    def __init__(self, settings: CloudWatchSettings) -> None:
        self._settings = settings
        self._client: Any = None

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a metric or an expression; see `canary.sources.Source`."""
        filled = query.filled(scope, {"step": f"{span.step_s:.0f}"})
        options = filled.options_as(CloudWatchOptions)
        period_s = _period(options, span)
        text = filled.text.strip()
        if text:
            asked, fidelity = text, Fidelity.SMOOTHED
            wanted: dict[str, Any] = {"Id": "q1", "Expression": text, "Period": period_s}
        else:
            asked, fidelity = _named(options), Fidelity.COUNT if options.stat in _COUNTS else Fidelity.SMOOTHED
            metric = _metric(options)
            wanted = {"Id": "q1", "MetricStat": {"Metric": metric, "Period": period_s, "Stat": options.stat}}
        known = query.fidelity or fidelity
        self._connect()
        return answered(asked, lambda: self._read(wanted, known, period_s, span), span, self._settings.late_after)

    def _read(self, wanted: Mapping[str, Any], fidelity: Fidelity, period_s: int, span: Span) -> Reading:
        whole = whole_steps(Span(span.start, span.end, timedelta(seconds=period_s)))
        times = {"StartTime": whole.start, "EndTime": whole.end, "ScanBy": "TimestampAscending"}
        gathered = _Gathered()
        with _outcomes():
            for page in pages(lambda token: self._ask({**times, "MetricDataQueries": [wanted]}, token)):
                gathered.add(page)
            missing = gathered.missing()
            metric = wanted.get("MetricStat", {}).get("Metric")
            if metric and not any(gathered.points.values()) and not self._exists(metric):
                return Reading([], tuple(gathered.notes))
        is_one = len(gathered.points) == 1
        series = [
            Series.of(closed(points, fidelity, period_s, span), fidelity, {} if is_one else {"label": label})
            for label, points in gathered.points.items()
        ]
        return Reading(series, tuple(gathered.notes), missing)

    def _ask(self, fields: Mapping[str, Any], token: str) -> tuple[Any, str]:
        page = self._client.get_metric_data(**fields, **({"NextToken": token} if token else {}))
        return page, str(page.get("NextToken") or "")

    def _exists(self, metric: Mapping[str, Any]) -> bool:
        """Whether CloudWatch has had the metric in the last two weeks."""
        return bool(self._client.list_metrics(**metric)["Metrics"])

    def _connect(self) -> None:
        """Makes the client of boto3, once.

        Raises:
            CanaryError: when boto3 is not installed, or the settings do not make a client.
        """
        if self._client is not None:
            return
        try:
            # boto3 comes without stubs.
            import boto3  # type: ignore[import-untyped]
            from botocore.config import Config  # type: ignore[import-untyped]
            from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
        except ImportError as error:
            raise CanaryError("CloudWatch cannot be asked", why=str(error), mend="install boto3") from error
        settings, timeout_s = self._settings, self._settings.timeout.total_seconds()
        keys = (settings.access_key_id, settings.secret_access_key, settings.session_token)
        key, secret, token = (each.read() if each else None for each in keys)
        retries = {"mode": "standard", "total_max_attempts": settings.attempts}
        config = Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries=retries)
        try:
            session = boto3.Session(key, secret, token, settings.region, profile_name=settings.profile)
            self._client = session.client("cloudwatch", endpoint_url=settings.url, config=config)
        except (BotoCoreError, ValueError) as error:
            raise CanaryError("CloudWatch cannot be asked", why=str(error), mend="correct its settings") from error


@dataclass(slots=True)
class _Gathered:
    """What the pages of an answer have by label: points, the last status; and all messages."""

    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, page: Mapping[str, Any]) -> None:
        for result in page["MetricDataResults"]:
            label = str(result.get("Label", ""))
            self.status[label] = str(result.get("StatusCode", "Complete"))
            times = [each.timestamp() for each in result["Timestamps"]]
            self.points.setdefault(label, []).extend(zip(times, map(number, result["Values"]), strict=True))
            self._note(result)
        self._note(page)

    def _note(self, part: Mapping[str, Any]) -> None:
        for each in part.get("Messages") or ():
            self.notes[f"CloudWatch: {each.get('Code')} {each.get('Value')}"] = None

    def missing(self) -> str:
        """What is missing after the last page; raises where nothing of a result can be had."""
        if "Forbidden" in self.status.values():
            raise SourceError(Outcome.REFUSED, "CloudWatch: Forbidden")
        if "InternalError" in self.status.values():
            raise SourceError(Outcome.UNREACHABLE, "CloudWatch: InternalError")
        partial = [label for label, each in self.status.items() if each != "Complete"]
        return f"CloudWatch gave only a part of {', '.join(partial)}" if partial else ""


def _period(options: CloudWatchOptions, span: Span) -> int:
    """The period in seconds: the one asked for, else the span's step, rounded up to a minute."""
    if not options.period:
        return 60 * math.ceil(span.step_s / 60)
    if options.period in _SHORT_PERIODS or options.period % 60 == 0:
        return options.period
    mend = "give 1, 5, 10, 20, 30, or a multiple of 60"
    raise CanaryError(f"CloudWatch has no period of {options.period} s", mend=mend)


def _metric(options: CloudWatchOptions) -> dict[str, Any]:
    if not options.namespace or not options.metric_name:
        raise CanaryError("a CloudWatch query is empty", mend="give `namespace` and `metric_name`, or an expression")
    pairs = [each.partition("=") for each in options.dimensions]
    wrong = next((name + equals for name, equals, value in pairs if not (name and equals and value)), None)
    if wrong is not None:
        raise CanaryError(f"a dimension of CloudWatch is {wrong!r}", why="expected Name=Value", mend="write it so")
    dimensions = [{"Name": name, "Value": value} for name, _, value in pairs]
    return {"Namespace": options.namespace, "MetricName": options.metric_name, "Dimensions": dimensions}


def _named(options: CloudWatchOptions) -> str:
    return f"{options.stat} of {options.namespace} {options.metric_name}{{{', '.join(options.dimensions)}}}"


@contextmanager
def _outcomes() -> Iterator[None]:
    """Makes outcomes of what boto3 raises; messages of AWS tell the key's identifier at most."""
    # boto3 comes without stubs.
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NotConnected
    from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

    try:
        yield
    except ClientError as error:
        fields = error.response
        code, status = str(fields["Error"].get("Code")), int(fields["ResponseMetadata"].get("HTTPStatusCode", 0))
        is_passing = status >= 500 or status == 429 or any(each in code for each in _PASSING)
        outcome = Outcome.UNREACHABLE if is_passing else Outcome.REFUSED
        raise SourceError(outcome, f"CloudWatch: {code} {fields['Error'].get('Message', '')}".strip()) from error
    except (ResponseParserError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(Outcome.MALFORMED, "CloudWatch answered something that boto3 cannot read") from error
    except (HTTPClientError, NotConnected) as error:
        raise SourceError(Outcome.UNREACHABLE, f"CloudWatch: {error}") from error
    except BotoCoreError as error:
        raise SourceError(Outcome.REFUSED, f"CloudWatch: {error}") from error
