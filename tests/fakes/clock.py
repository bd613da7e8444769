"""A clock that stands still until it is told to go on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """The time now, a Monday noon at first."""

    now: datetime = datetime(2030, 1, 7, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
