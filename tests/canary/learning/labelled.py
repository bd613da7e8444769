"""Labelled releases of a world that never was."""

from datetime import timedelta

from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.world import World


def labelled(world: World) -> list[LabelledRelease]:
    """Its releases: a bad one is known as such after a day, a good one after a week."""
    waits = {Truth.BAD: timedelta(days=1), Truth.GOOD: timedelta(days=7)}
    return [LabelledRelease(each.facts, each.truth, each.at + waits[each.truth]) for each in world.releases()]
