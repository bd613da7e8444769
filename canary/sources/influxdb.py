"""InfluxDB: InfluxQL by the API of version 1, Flux by that of version 2."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from pydantic import Field, model_validator

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.flux import DIALECT, flux_points
from canary.sources.http import Clock, Http
from canary.sources.nrql import quoted
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import Options, a_list, a_mapping, closed, in_seconds, number, spacing, tags_of

#: One count or sum by intervals of time, with gaps left, empty or zero.
_COUNTS: Final = re.compile(
    r"\s*SELECT\s+(count|sum)\([^()]*\)(\s+AS\s+\S+)?\s+FROM\s.*\bGROUP\s+BY\b.*\btime\(.*", re.IGNORECASE | re.DOTALL
)
_INVENTED: Final = re.compile(r"\bfill\(\s*(linear|previous)\s*\)", re.IGNORECASE)
#: Fields as they were written, without any function.
_RAW: Final = re.compile(r"\s*SELECT\s+[^()]+\sFROM\s(?!\s*\().*", re.IGNORECASE | re.DOTALL)
_READS: Final = re.compile(r"\s*SELECT\s[^;]*", re.IGNORECASE)
_WINDOW: Final = re.compile(r"\baggregateWindow\s*\(")
_FROM_START: Final = re.compile(r"""\btimeSrc\s*:\s*"_start\"""")


class InfluxDbSettings(HttpSettings):
    """Settings of the source `influxdb`."""

    database: str | None = Field(default=None, description="The database, for queries in InfluxQL ...")
    retention_policy: str | None = Field(default=None, description="... and the retention policy, if not the usual.")
    organization: str | None = Field(default=None, description="The organization, for queries in Flux.")
    token: Secret | None = Field(default=None, description="A token.")
    user: str | None = Field(default=None, description="The user of basic authentication ...")
    password: Secret | None = Field(default=None, description="... and the password.")

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if (self.database is None) == (self.organization is None):
            raise ValueError("give `database` for InfluxQL, or `organization` for Flux")
        return self


class InfluxDb:
    """Reads InfluxDB.

    In InfluxQL `${timeFilter}` stands for the condition of time, `${scopeFilter}` for that of a scope `tag:value`, and
    `${step}` for the step, such as `60s`. Counts and sums by intervals are counts, plain fields are gauges, anything
    else is smoothed. In Flux `${start}`, `${stop}` and `${step}` stand for the span, and values are smoothed unless the
    query says otherwise.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = InfluxDbSettings

    def __init__(self, settings: InfluxDbSettings, *, clock: Clock | None = None) -> None:
        headers = {"Authorization": f"Token {settings.token.read()}"} if settings.token else {}
        auth = (settings.user, settings.password.read()) if settings.user and settings.password else None
        self._settings = settings
        self._http = Http(settings, headers=headers, auth=auth, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a query; see `canary.sources.Source`."""
        start, stop = _stamp(span.start), _stamp(span.end)
        times = {"start": start, "stop": stop, "timeFilter": f"time >= '{start}' AND time < '{stop}'"}
        filled = query.filled(scope, {**times, "step": in_seconds(span.step), **_scope_filter(query, scope)})
        filled.options_as(Options)
        text = filled.text.strip()
        if self._settings.organization is not None:
            fidelity = query.fidelity or Fidelity.SMOOTHED
            _check_flux(text, fidelity)
            return answered(text, lambda: self._flux(text, fidelity, span), span, self._settings.late_after)
        if not _READS.fullmatch(text):
            raise CanaryError("an InfluxQL query is not one SELECT", why=text[:100], mend="give one, without `;`")
        fidelity = query.fidelity or _fidelity_of(text)
        return answered(text, lambda: self._influxql(text, fidelity, span), span, self._settings.late_after)

    def _influxql(self, text: str, fidelity: Fidelity, span: Span) -> Reading:
        where = {"db": self._settings.database, "rp": self._settings.retention_policy}
        # By GET, with which InfluxDB refuses to write (SELECT ... INTO).
        fields = {**{name: each for name, each in where.items() if each}, "q": text, "epoch": "ms"}
        answer = a_mapping(self._http.get("query", fields), "the answer of InfluxDB")
        results = [a_mapping(each, "a result of InfluxDB") for each in a_list(answer.get("results", []), "results")]
        for part in (answer, *results):
            if "error" in part:
                raise SourceError(Outcome.REFUSED, f"InfluxDB: {part['error']}")
        found = [
            a_mapping(each, "a series") for result in results for each in a_list(result.get("series", []), "series")
        ]
        is_cut = any(part.get("partial") for part in (*results, *found))
        missing = "InfluxDB cut the answer off at its row limit" if is_cut else ""
        return Reading([one for each in found for one in _columns(each, fidelity, span)], missing=missing)

    def _flux(self, text: str, fidelity: Fidelity, span: Span) -> Reading:
        content = self._http.ask_bytes(
            "POST",
            "api/v2/query",
            params={"org": self._settings.organization},
            json={"query": text, "type": "flux", "dialect": DIALECT},
            headers={"Accept": "application/csv"},
        )
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        for labels, at_s, value in flux_points(content):
            points.setdefault(tuple(sorted(labels.items())), []).append((at_s, value))
        return Reading([_series(each, fidelity, dict(labels), span) for labels, each in points.items()])


def _columns(result: Mapping[str, Any], fidelity: Fidelity, span: Span) -> Iterator[Series]:
    """`{"tags": {...}, "columns": ["time", "count"], "values": [[1700000000000, 3], ...]}`: a series a column."""
    names = [str(name) for name in a_list(result.get("columns"), "a series' columns")]
    rows = [a_list(row, "a row of InfluxDB") for row in a_list(result.get("values"), "a series' values")]
    if names[:1] != ["time"] or any(len(row) != len(names) for row in rows):
        raise SourceError(Outcome.MALFORMED, f"rows of InfluxDB do not fit the columns {names}")
    tags = tags_of(result.get("tags"))
    for index, name in enumerate(names[1:], start=1):
        points = [(number(row[0]) / 1000, number(row[index])) for row in rows]
        yield _series(points, fidelity, {**tags, "field": name} if len(names) > 2 else tags, span)


def _series(points: list[tuple[float, float]], fidelity: Fidelity, tags: Mapping[str, str], span: Span) -> Series:
    return Series.of(closed(points, fidelity, spacing(points, span.step_s), span), fidelity, tags)


def _fidelity_of(text: str) -> Fidelity:
    if _COUNTS.fullmatch(text) and not _INVENTED.search(text):
        return Fidelity.COUNT
    return Fidelity.GAUGE if _RAW.fullmatch(text) else Fidelity.SMOOTHED


def _check_flux(text: str, fidelity: Fidelity) -> None:
    if not text:
        raise CanaryError("a Flux query is empty", mend="give one")
    if fidelity is Fidelity.COUNT and _WINDOW.search(text) and not _FROM_START.search(text):
        why = "aggregateWindow gives the ends of intervals, and counts need their starts"
        raise CanaryError("a Flux query for counts has the wrong times", why=why, mend='add timeSrc: "_start"')


def _scope_filter(query: Query, scope: Scope) -> dict[str, str]:
    if "scopeFilter" not in query.text:
        return {}
    name, colon, value = scope.scope.partition(":")
    if not colon:
        why = f"found {scope.scope!r}"
        raise CanaryError("the scope of an InfluxDB query is not tag:value", why=why, mend="write it as tag:value")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return {"scopeFilter": f'"{escaped}" = {quoted(value)}'}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
