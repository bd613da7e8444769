"""What happened between two looks."""

from dataclasses import dataclass

from canary.looks import Look, Side


@dataclass(frozen=True, slots=True)
class Traffic:
    """One side's requests between two looks.

    Args:
        requests: requests answered.
        errors: of these, the ones that failed.
        latency: requests by latency bucket; empty when there is no histogram.
    """

    requests: int
    errors: int
    latency: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Both sides between two looks.

    Args:
        seconds: its length.
        share: share of the pair's traffic set to the canary.
        opens_step: whether it is the first tick of a ramp step; the weights changed somewhere within it.
        baseline: the control's traffic.
        canary: the canary's traffic.
        edges_ms: upper bucket edges of both histograms; empty when there is none.
    """

    seconds: float
    share: float
    opens_step: bool
    baseline: Traffic
    canary: Traffic
    edges_ms: tuple[float, ...]


def tick_between(before: Look, after: Look) -> Tick:
    """What happened from one look to the next; both must be without fault and of the same edges."""
    return Tick(
        seconds=(after.at - before.at).total_seconds(),
        share=float(after.canary_share),
        opens_step=after.step != before.step,
        baseline=_difference(before.baseline, after.baseline),
        canary=_difference(before.canary, after.canary),
        edges_ms=after.baseline.edges_ms if after.baseline.edges_ms == after.canary.edges_ms else (),
    )


def _difference(before: Side, after: Side) -> Traffic:
    """The growth of each counter; a side with a counter that went down began again from zero."""
    then = before.latency or (0,) * len(after.latency)
    pairs = [(before.requests, after.requests), (before.errors, after.errors), *zip(then, after.latency, strict=False)]
    was_reset = any(new < old for old, new in pairs)
    requests, errors, *latency = (int(new) if was_reset else int(new - old) for old, new in pairs)
    # A source may have counted an error a moment before its request.
    return Traffic(max(requests, errors), errors, tuple(latency))
