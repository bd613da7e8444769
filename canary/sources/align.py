"""Series of both sides on one grid of time, for judges that compare lists of values."""

import math

import numpy as np

from canary.sources.cumulate import growth
from canary.sources.queries import Span
from canary.sources.series import Fidelity, Floats, Series


def on_grid(series: Series, span: Span) -> Floats:
    """One value for each whole step of the span, in order; NaN where the store has none.

    Of several points in one step, counts are summed, gauges and smoothed values averaged. A raw counter gives its
    growth since the point before, in the step of its later point, so its first point gives nothing.

    >>> from datetime import UTC, datetime, timedelta
    >>> span = Span(datetime.fromtimestamp(0, UTC), datetime.fromtimestamp(180, UTC), timedelta(seconds=60))
    >>> on_grid(Series.of([(0, 1.0), (120, 2.0), (130, 4.0)], Fidelity.GAUGE), span).tolist()
    [1.0, nan, 3.0]
    """
    times_s, values = series.times_s, series.values
    if series.fidelity is Fidelity.COUNTER:
        known = np.isfinite(values)
        times_s, values = times_s[known][1:], growth(values[known]) if known.any() else values[:0]
    steps = math.floor((span.end_s - span.start_s) / span.step_s + 1e-9)
    places = np.floor((times_s - span.start_s) / span.step_s + 1e-9)
    kept = (places >= 0) & (places < steps) & ~np.isnan(values)
    places, values = places[kept].astype(int), values[kept]
    counts = np.bincount(places, minlength=steps)
    sums = np.bincount(places, weights=values, minlength=steps)
    is_sum = series.fidelity in (Fidelity.COUNTER, Fidelity.COUNT)
    result: Floats = np.divide(sums, 1 if is_sum else counts, out=np.full(steps, np.nan), where=counts > 0)
    return result
