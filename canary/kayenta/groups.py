"""A sample as its distinct values and how often each is there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Groups:
    """A sample of finite values, grouped.

    Args:
        values: the `k` distinct values, ascending, and after them infinity `(k + 1,)`.
        sizes: how many of the sample have each value `(k,)`.
        before: how many of the sample come before each of `values` `(k + 1,)`; the last is the sample's size.
        count: size of the sample.
        is_distinct: whether no value is there twice.
    """

    values: Floats
    sizes: Whole
    before: Whole
    count: int
    is_distinct: bool

    @property
    def distinct(self) -> Floats:
        """The distinct values `(k,)`."""
        return self.values[:-1]

    @property
    def own_ties(self) -> int:
        """Sum of `t**3 - t` over the sizes `t` of the groups."""
        return 0 if self.is_distinct else int((self.sizes * self.sizes * self.sizes - self.sizes).sum())


def grouped(sample: Floats) -> Groups:
    """The groups of an ascending sample.

    >>> grouped(np.array([1.0, 2.0, 2.0])).before.tolist()
    [0, 1, 3]
    """
    starts = (sample[1:] != sample[:-1]).nonzero()[0]
    if len(starts) == len(sample) - 1:
        before = np.arange(len(sample) + 1)
        return Groups(np.concatenate((sample, _END)), before[1:] - before[:-1], before, len(sample), is_distinct=True)
    before = np.concatenate((_FIRST, starts + 1, [len(sample)]))
    values = np.concatenate((sample[before[:-1]], _END))
    return Groups(values, before[1:] - before[:-1], before, len(sample), is_distinct=False)


_END = np.array([np.inf])
_FIRST = np.array([0])
