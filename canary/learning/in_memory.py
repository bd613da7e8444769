"""A history that is held in memory."""

from collections.abc import Iterator, Sequence

from canary.learning.recorded import Batch, Recorded, part_of


class InMemoryHistory:
    """Batches as they are, each cut into parts no larger than asked for."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = tuple(batches)

    def canaries(self) -> list[Recorded]:
        """What is known of each, in the order they began."""
        found = [canary for batch in self._batches for canary in batch.canaries]
        return sorted(found, key=lambda canary: (canary.at, canary.id))

    def batches(self, size: int = 500) -> Iterator[Batch]:
        """All of them with their looks, at most `size` at a time, in the order they were given."""
        for batch in self._batches:
            for begin in range(0, len(batch.canaries), size):
                yield part_of(batch, slice(begin, begin + size))
