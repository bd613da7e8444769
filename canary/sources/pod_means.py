"""The mean of what each pod observed between two looks, where a store has no sums of squares."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from canary.sources.cumulate import CumulativeCount
from canary.sources.series import Series


class PodMeans:
    """Means by pod, fed with counters of the number of observations and of their sum.

    Args:
        begin_s: Unix time in seconds from which is counted.
        pod: the label that names the pod.
    """

    def __init__(self, begin_s: float, pod: str) -> None:
        self._begin_s, self._pod = begin_s, pod
        self._sums: dict[str, tuple[CumulativeCount, CumulativeCount]] = {}

    def add(self, counts: Sequence[Series], totals: Sequence[Series], closed_s: float) -> Mapping[str, float]:
        """Takes in what is new, and gives the mean of that for each pod that observed anything.

        Args:
            counts: counters of the number of observations.
            totals: counters of their sum; the same pods.
            closed_s: as in `CumulativeCount.add`.
        """
        means = {}
        by_pod = self._by_pod(totals)
        for pod, series in self._by_pod(counts).items():
            count, total = self._sums.setdefault(pod, (CumulativeCount(self._begin_s), CumulativeCount(self._begin_s)))
            before = count.total, total.total
            count.add(series, closed_s)
            total.add(by_pod.get(pod, ()), closed_s)
            if count.total > before[0]:
                means[pod] = (total.total - before[1]) / (count.total - before[0])
        return means

    def _by_pod(self, series: Iterable[Series]) -> Mapping[str, Sequence[Series]]:
        pods: defaultdict[str, list[Series]] = defaultdict(list)
        for each in series:
            pods[each.tags.get(self._pod, "")].append(each)
        return pods
