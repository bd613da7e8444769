"""Numbers as Kayenta's JSON reader takes them."""

import math
import re
from typing import Final

_NUMERAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def number_of(value: object) -> float:
    """The number that a JSON value stands for where a number is wanted; null and empty text are 0.

    >>> number_of("1e3"), number_of(None), number_of("-Infinity")
    (1000.0, 0.0, -inf)

    Raises:
        ValueError: for true, false, other text, lists and mappings.
    """
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _from_text(text: str) -> float:
    if not text:
        return 0.0
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if _NUMERAL.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a number")
    return float(text)
