"""What is known of a release before it starts; nothing about persons."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ChangeKind(StrEnum):
    """What kind of files a release changes."""

    CODE = "code"
    CONFIGURATION = "configuration"
    DEPENDENCIES = "dependencies"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """How an image differs from the one that its service ran before.

    Args:
        kind: what kind of files differ.
        files_changed: files added, removed or changed.
        bytes_changed: size of the files added or changed, in bytes.
        dependencies_changed: requirements added, removed or with another version.
        is_first: whether there was no image before.
    """

    kind: ChangeKind
    files_changed: int
    bytes_changed: int
    dependencies_changed: int
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """A release before it starts.

    Args:
        service: what is released.
        at: when (aware, UTC).
        change: what differs from before.
        regions: how many regions it goes to.
        releases: of the service in the last 90 days, that ended before `at`.
        rollbacks: how many of them were rolled back, or turned out bad.
        hours_since_last: since the last one ended; None without one.
        was_last_rolled_back: whether that one was rolled back.
    """

    service: str
    at: datetime
    change: ChangeFacts
    regions: int
    releases: int
    rollbacks: int
    hours_since_last: float | None
    was_last_rolled_back: bool
