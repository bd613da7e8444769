"""Numbers as a judgment's sentences write them."""

import math


def percent(share: float) -> str:
    """A share as a percentage with at least two figures.

    >>> percent(0.1214), percent(0.0023)
    ('12.1 %', '0.23 %')
    """
    value = 100 * share
    if value == 0 or value >= 1:
        return f"{value:.3g} %"
    return f"{value:.2g} %"


def evidence(log_value: float) -> str:
    """An e-value from its natural logarithm, however large.

    >>> evidence(math.log(4.1e6)), evidence(math.log(20))
    ('4.1e6', '20')
    """
    exponent = math.floor(log_value / math.log(10))
    if -3 <= exponent < 4:
        return f"{math.exp(log_value):.3g}"
    return f"{math.exp(log_value - exponent * math.log(10)):.1f}e{exponent}"


def between(what: str, low: float | None, high: float | None) -> str:
    """The range of an effect in words.

    >>> between("odds ratio", 18.02, 95.4)
    'odds ratio between 18 and 95'
    """
    if low is None:
        return f"{what} unknown"
    if high is None:
        return f"{what} above {low:.2g}"
    if low == 0:
        return f"{what} below {high:.2g}"
    return f"{what} between {low:.2g} and {high:.2g}"
