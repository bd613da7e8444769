"""Where a function crosses a level, by Brent's method as R's `uniroot` has it."""

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final

#: Asks for the function at one point after another, and gives the point that it looked for.
Search = Generator[float, float, float]

#: Spacing of doubles at 1, as the solver takes it.
_EPSILON: Final = 2.220446049250313e-16
#: R stops after 1000 iterations and one.
_MOST_ITERATIONS: Final = 1001
#: R's `wilcox.test` asks `uniroot` for this, whatever the unit of the data.
TOLERANCE: Final = 1e-4


def crossing(level: float, low: tuple[float, float], high: tuple[float, float], tolerance: float) -> Search:
    """A point within about `tolerance` of where `function` crosses `level` (Brent 1973, ch. 4).

    Which point it is depends on every step, since the functions that it is used for are step functions; so the steps
    are those of the `zeroin` of R and of Kayenta.

    Args:
        level: what the function is to be.
        low: one end, and the function there.
        high: the other end, and the function there, on the other side of `level`.
        tolerance: how near, in the unit of the points.

    Yields:
        A point at which the function is wanted; it is to be sent.

    Returns:
        The point that was found.
    """
    last, f_last = low[0], low[1] - level
    best, f_best = high[0], high[1] - level
    if f_last == 0.0:
        return last
    other, f_other = last, f_last
    for _ in range(_MOST_ITERATIONS):
        previous = best - last
        if abs(f_other) < abs(f_best):
            last, best, other = best, other, best
            f_last, f_best, f_other = f_best, f_other, f_best
        least = 2.0 * _EPSILON * abs(best) + tolerance / 2.0
        step = (other - best) / 2.0
        if abs(step) <= least or f_best == 0.0:
            break
        if abs(previous) >= least and abs(f_last) > abs(f_best):
            step = _interpolated(step, previous, least, (last, best, other), (f_last, f_best, f_other))
        if abs(step) < least:
            step = least if step > 0.0 else -least
        last, f_last = best, f_best
        best += step
        f_best = (yield best) - level
        if (f_best > 0.0 and f_other > 0.0) or (f_best < 0.0 and f_other < 0.0):
            other, f_other = last, f_last
    return best


def found(point: float) -> Search:
    """A search that has its point already."""
    yield from ()
    return point


def together(searches: Sequence[Search], function: Callable[[Sequence[float]], list[float]]) -> list[float]:
    """The points that all `searches` find, side by side.

    Args:
        searches: what looks for the points.
        function: of several points at a time, which costs less than one by one.

    >>> together([crossing(3.0, (0.0, 5.0), (5.0, 0.0), 1e-4)], lambda points: [5.0 - point for point in points])
    [2.0]
    """
    roots = [math.nan] * len(searches)
    asking = [(which, search.send) for which, search in enumerate(searches)]
    answers: Iterable[float | None] = [None] * len(searches)
    while asking:
        still, points = [], []
        for (which, send), answer in zip(asking, answers, strict=True):
            try:
                points.append(send(answer))  # type: ignore[arg-type]  # None starts a generator
                still.append((which, send))
            except StopIteration as end:
                roots[which] = end.value
        asking, answers = still, function(points)
    return roots


def _interpolated(
    step: float,
    previous: float,
    least: float,
    points: tuple[float, float, float],
    values: tuple[float, float, float],
) -> float:
    """The step by secant or inverse quadratic interpolation, if it is a good one; else `step`."""
    (last, best, other), (f_last, f_best, f_other) = points, values
    width = other - best
    if last == other:
        ratio = f_best / f_last
        over, under = width * ratio, 1.0 - ratio
    else:
        outer, ratio, inner = f_last / f_other, f_best / f_other, f_best / f_last
        over = inner * (width * outer * (outer - ratio) - (best - last) * (ratio - 1.0))
        under = (outer - 1.0) * (ratio - 1.0) * (inner - 1.0)
    if over > 0.0:
        under = -under
    else:
        over = -over
    fits = over < 0.75 * width * under - abs(least * under) / 2.0 and over < abs(previous * under / 2.0)
    return over / under if fits else step
