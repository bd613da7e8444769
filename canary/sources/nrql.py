"""Queries of New Relic: what is sent, and what its values are."""

import re
from datetime import timedelta
from typing import Final

from canary.errors import CanaryError
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity
from canary.sources.shapes import Options

#: New Relic gives at most this many points ("TIMESERIES supports a maximum of 366 buckets").
MOST_POINTS: Final = 366
#: One count or sum over intervals that do not overlap.
_COUNTS: Final = re.compile(
    r"\s*SELECT\s+(count\([^()]*\)|sum\([^()]*\)|filter\(\s*count\([^()]*\)\s*,\s*WHERE\s[^()]*\))"
    r"(\s+AS\s+('[^']*'|\w+))?\s+FROM\s(?!.*\bSLIDE\s+BY\b).*",
    re.IGNORECASE | re.DOTALL,
)
_TIMESERIES: Final = re.compile(
    r"\bTIMESERIES\b(?:\s+(?P<length>\d+)\s+(?P<unit>second|minute|hour|day)s?\b)?", re.IGNORECASE
)
_SINCE: Final = re.compile(r"\bSINCE\b", re.IGNORECASE)
#: Extended scope parameters that name the attributes of scope and location, as in Kayenta.
_SCOPE_KEY: Final = "_scope_key"
_LOCATION_KEY: Final = "_location_key"


class NrqlOptions(Options):
    """Options of a New Relic query that has no text, as in Kayenta: the text is made of them and the scope."""

    select: str = ""
    q: str = ""
    scope_key: str = ""
    location_key: str = ""


def nrql_of(query: Query, scope: Scope, span: Span, defaults: NrqlOptions) -> str:
    """The NRQL to send for one span.

    In the text `${startEpochSeconds}`, `${endEpochSeconds}` and `${step}` (seconds) stand for the span; a TIMESERIES or
    SINCE that it lacks is added.

    Args:
        query: a text, or options from which one is made.
        scope: the side.
        span: in whole steps.
        defaults: options that the source's settings give.

    Raises:
        CanaryError: when there is neither text nor `select`, or nothing says which attribute is the scope's.
    """
    start, end, step = f"{span.start_s:.0f}", f"{span.end_s:.0f}", f"{span.step_s:.0f}"
    filled = query.filled(scope, {"startEpochSeconds": start, "endEpochSeconds": end, "step": step})
    options = filled.options_as(NrqlOptions)
    text = filled.text.strip()
    times = f"SINCE {start} UNTIL {end}"
    steps = f"TIMESERIES {step} seconds"
    if not text:
        return f"{_select(options)} {steps} {times} WHERE {_where(options, scope, defaults)}"
    added = ((_TIMESERIES, steps), (_SINCE, times))
    return " ".join([text, *(clause for pattern, clause in added if not pattern.search(text))])


def step_of(nrql: str) -> timedelta | None:
    """How long the buckets of a NRQL are; None where New Relic chooses, as with TIMESERIES MAX.

    >>> step_of("SELECT count(*) FROM Log TIMESERIES 5 minutes")
    datetime.timedelta(seconds=300)
    """
    found = _TIMESERIES.search(nrql)
    if found is None or not found["length"]:
        return None
    return timedelta(**{f"{found['unit'].lower()}s": int(found["length"])})


def fidelity_of(nrql: str) -> Fidelity:
    """What the values of a NRQL are: counts where it only counts or adds up in buckets of its own length."""
    return Fidelity.COUNT if _COUNTS.fullmatch(nrql) and step_of(nrql) else Fidelity.SMOOTHED


def _select(options: NrqlOptions) -> str:
    select = options.select.strip()
    if not select:
        raise CanaryError("a New Relic query is empty", mend="give a NRQL text, or `select`")
    return select if select.upper().startswith("SELECT") else f"SELECT {select}"


def _where(options: NrqlOptions, scope: Scope, defaults: NrqlOptions) -> str:
    parameters = scope.parameters
    scope_key = options.scope_key or parameters.get(_SCOPE_KEY) or defaults.scope_key
    location_key = options.location_key or parameters.get(_LOCATION_KEY) or defaults.location_key
    if not scope_key:
        why = f"neither `scope_key` nor the scope parameter {_SCOPE_KEY} is given"
        raise CanaryError("a New Relic query does not say which attribute is the scope's", why=why, mend="give one")
    wanted = {name: value for name, value in parameters.items() if not name.startswith("_")}
    wanted[scope_key] = scope.scope
    if location_key:
        wanted[location_key] = scope.location
    likes = [f"{name} LIKE {quoted(value)}" for name, value in wanted.items()]
    return " AND ".join([options.q, *likes] if options.q else likes)


def quoted(value: str) -> str:
    r"""The value as a text in NRQL and InfluxQL.

    >>> print(quoted("o'neill"))
    'o\'neill'
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
