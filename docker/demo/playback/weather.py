"""What a request meets on its way: latency, a failing dependency, slowness under load."""

import math
import random
from collections import deque
from collections.abc import Callable

from release import Release

#: Latency without trouble is lognormal: half of the answers within this, 99 in 100 within twice.
MEDIAN_S = 0.010
SPREAD = 0.3
#: The request rate is what came in within this time.
RATE_WINDOW_S = 2.0


class RequestRate:
    """Requests a second that this instance got lately."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._arrivals: deque[float] = deque()

    def arrive(self) -> float:
        """Counts a request that comes now; gives requests a second, this one included."""
        now_s = self._clock()
        self._arrivals.append(now_s)
        while self._arrivals[0] <= now_s - RATE_WINDOW_S:
            self._arrivals.popleft()
        return len(self._arrivals) / RATE_WINDOW_S


class Weather:
    """Decides how long each request takes and whether it fails."""

    def __init__(self, release: Release, region: str, dice: random.Random, clock: Callable[[], float]) -> None:
        self._release = release
        self._slow = release.slow if release.slow and release.slow.region == region else None
        self._dice = dice
        self._rate = RequestRate(clock)

    def delay_s(self) -> float:
        """How long the request that comes now will take."""
        requests_per_s = self._rate.arrive()
        delay_s = self._dice.lognormvariate(math.log(MEDIAN_S), SPREAD)
        if self._slow and requests_per_s > self._slow.above_rps:
            delay_s += self._slow.by_ms / 1000
        return delay_s

    def fails(self) -> bool:
        """Whether the request fails by the release's own fault."""
        return self._dice.random() < self._release.error_rate
