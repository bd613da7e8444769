"""The distribution functions that NumPy lacks, against SciPy's."""

import numpy as np
import pytest
from scipy import stats

from canary.sequential.mixtures import WIDTHS, log_evidence_above, log_normal_cdf, reach
from canary.sequential.students import log_upper_tail, upper_quantile


def test_the_normal_distribution_function_is_right_far_into_its_lower_tail() -> None:
    z = np.array([-300.0, -40.0, -12.1, -11.9, -3.0, 0.0, 3.0, 30.0])
    assert log_normal_cdf(z) == pytest.approx(stats.norm.logcdf(z), rel=1e-5)


def test_students_tail_is_right_where_the_chance_is_ordinary_and_where_it_is_tiny() -> None:
    t = np.array([0.0, 1e-9, 0.5, 3.0, 30.0, 100.0, -2.0])
    for freedom in (2.0, 3.7, 18.0, 60.0):
        assert log_upper_tail(t, np.full_like(t, freedom)) == pytest.approx(
            stats.t.logsf(t, freedom), rel=1e-6, abs=1e-9
        )


def test_students_quantile_is_exceeded_with_its_chance() -> None:
    freedom = np.array([2.0, 4.0, 60.0])
    assert upper_quantile(0.05 / 6, freedom) == pytest.approx(stats.t.isf(0.05 / 6, freedom))


def test_the_mixture_has_mean_one_for_a_sum_without_drift() -> None:
    z = np.linspace(-150, 150, 20_001)
    for information in (0.0, 1.0, 30.0, 400.0):
        log_evidence = log_evidence_above(z, np.full_like(z, information))
        assert np.trapezoid(np.exp(log_evidence + stats.norm.logpdf(z)), z) == pytest.approx(1, abs=1e-3)


def test_the_mixture_is_the_average_over_half_normal_priors() -> None:
    information, z, drift = 50.0, 2.5, np.linspace(0, 12, 20001)
    ratio = np.exp(drift * z * information**0.5 - drift**2 * information / 2)
    averages = [np.trapezoid(ratio * 2 * stats.norm.pdf(drift, scale=width), drift) for width in WIDTHS]
    assert np.exp(log_evidence_above(np.array([z]), np.array([information])))[0] == pytest.approx(
        np.mean(averages), rel=1e-4
    )


def test_without_information_a_confidence_sequence_reaches_everywhere() -> None:
    assert reach(np.array([0.0]), 0.05)[0] == np.inf
