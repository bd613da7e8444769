"""What one metric set pair is found to be."""

from dataclasses import dataclass
from typing import Final

from canary.kayenta.comparison import Noise, compare
from canary.kayenta.compat import Compat
from canary.kayenta.interval import Interval
from canary.kayenta.limits import classify, is_critical
from canary.kayenta.options import Options
from canary.kayenta.ranks import AllTied
from canary.kayenta.result import Classification
from canary.kayenta.samples import Sample

_FAILED: Final = "Metric Classification Failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A classification with what goes with it; see `canary.kayenta.result.AnalysisResult`."""

    classification: Classification
    reason: str | None = None
    ratio: float | None = 1.0
    is_critical: bool = False
    interval: Interval | None = None


def find(name: str, experiment: Sample, control: Sample, options: Options, compat: Compat, noise: Noise) -> Finding:
    """What the metric `name` is found to be, by its two samples."""
    if options.flaw:
        reason = f"The options of {name} cannot be used: {options.flaw}"
        return Finding(Classification.ERROR, reason, None, options.is_critical)
    if not len(experiment) or not len(control):
        return _without_data(name, options)
    if finding := _undistinguished(experiment, control):
        return finding
    try:
        compared = compare(experiment, control, options.measure, compat, noise)
    except AllTied:
        return Finding(Classification.ERROR, _FAILED, None)
    found = classify(compared.interval, compared.effect, options, control, compat)
    critical = is_critical(found, compared.effect, options)
    return Finding(found, _reason(name, found, critical), compared.ratio, critical, compared.interval)


def _without_data(name: str, options: Options) -> Finding:
    if options.replaces_nan:
        return Finding(Classification.PASS)
    is_failure = options.must_have_data and not options.is_critical
    found = Classification.NODATA_FAIL if is_failure else Classification.NODATA
    return Finding(found, f"Missing data for {name}", is_critical=options.is_critical)


def _undistinguished(experiment: Sample, control: Sample) -> Finding | None:
    """Pass, where both sides hold the same values, or one single value."""
    if len(experiment) == len(control) and bool((experiment.values == control.values).all()):
        return Finding(Classification.PASS, "The Canary and Baseline data are identical")
    is_one_value = experiment.is_constant and control.is_constant and experiment.values[0] == control.values[0]
    return Finding(Classification.PASS) if is_one_value else None


def _reason(name: str, found: Classification, critical: bool) -> str | None:
    if critical:
        return f"The metric {name} was classified as {found} (Critical)"
    return None if found is Classification.PASS else f"{name} was classified as {found}"
