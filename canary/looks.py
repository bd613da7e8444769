"""What a judge is fed: cumulative counters of both sides at one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from canary.errors import CanaryError
from canary.samples import EventCount, Histogram, Sample, sample_from_json, sample_to_json

#: The two metrics that every router shows.
ERROR_RATE: Final = "error_rate"
LATENCY: Final = "latency"


@dataclass(frozen=True, slots=True)
class Side:
    """One side's counters, cumulative since the side began, as its source gives them.

    A counter that went down was reset; whoever differences two looks handles it.

    Args:
        requests: requests answered.
        errors: of these, the ones that failed (5xx, reset, timed out).
        latency: requests by latency bucket, cumulative in time but not across buckets;
            one longer than `edges_ms` (the last counts all above the last edge), or empty when there is no histogram.
        edges_ms: upper edges of the buckets in milliseconds, rising.
        samples: other metrics by name, as their sources give them.
    """

    requests: int
    errors: int
    latency: tuple[int, ...] = ()
    edges_ms: tuple[float, ...] = ()
    samples: Mapping[str, Sample] = field(default_factory=dict)

    def sample(self, metric: str) -> Sample | None:
        """What the side shows of a metric; None where it shows nothing."""
        if metric in self.samples:
            return self.samples[metric]
        if metric == ERROR_RATE:
            return EventCount(self.errors, self.requests)
        if metric == LATENCY and (self.latency or self.edges_ms):
            return Histogram(self.latency, self.edges_ms)
        return None

    def to_json(self) -> str:
        """The side as JSON text that `from_json` reads back as an equal one."""
        return json.dumps(_plain(self))

    @classmethod
    def from_json(cls, text: str) -> "Side":
        """The side that `to_json` wrote.

        Raises:
            CanaryError: when the text is not such a side.
        """
        try:
            return _side(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable("side", error) from error


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides at one moment.

    Args:
        at: when the counters were read (aware, UTC).
        baseline: the control: the baseline group of a canary, or the old group of a ramp.
        canary: the group under judgment.
        canary_share: share of the pair's traffic set to the canary since the last look, in (0, 1).
        step: the ramp step, `""` where there is only one.
    """

    at: datetime
    baseline: Side
    canary: Side
    canary_share: float = 0.5
    step: str = ""

    def to_json(self) -> str:
        """The look as JSON text that `from_json` reads back as an equal one."""
        sides = {"baseline": _plain(self.baseline), "canary": _plain(self.canary)}
        return json.dumps({"at": self.at.isoformat(), **sides, "canary_share": self.canary_share, "step": self.step})

    @classmethod
    def from_json(cls, text: str) -> "Look":
        """The look that `to_json` wrote.

        Raises:
            CanaryError: when the text is not such a look.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            sides = {"baseline": _side(fields["baseline"]), "canary": _side(fields["canary"])}
            return cls(**{**fields, **sides, "at": datetime.fromisoformat(fields["at"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable("look", error) from error


def _plain(side: Side) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "requests": side.requests,
        "errors": side.errors,
        "latency": side.latency,
        "edges_ms": side.edges_ms,
    }
    if side.samples:
        plain["samples"] = {name: sample_to_json(sample) for name, sample in side.samples.items()}
    return plain


def _side(fields: dict[str, Any]) -> Side:
    samples = {name: sample_from_json(sample) for name, sample in fields.get("samples", {}).items()}
    lists = {"latency": tuple(fields["latency"]), "edges_ms": tuple(fields["edges_ms"])}
    return Side(**{**fields, **lists, "samples": samples})


def _unreadable(what: str, error: Exception) -> CanaryError:
    return CanaryError(f"a stored {what} cannot be read", why=str(error), mend="store it again from its source")
