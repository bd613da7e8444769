"""What is wrong with a whole look, so that a judge can refuse it by name."""

from datetime import datetime, timedelta

from canary.looks import Look
from canary.samples import is_count


def fault_of(look: Look) -> str:
    """Why nothing of `look` can be judged, or `""`; what is wrong with one metric only is that metric's matter."""
    if not isinstance(look.at, datetime) or look.at.utcoffset() != timedelta(0):
        return f"its time {look.at!s} is not in UTC"
    if not _is_share(look.canary_share):
        return f"the canary's share of traffic is {look.canary_share!r}, not between 0 and 1"
    for name, side in (("baseline", look.baseline), ("canary", look.canary)):
        if not is_count(side.requests):
            return f"the {name}'s request counter is {side.requests!r}, not a count"
    return ""


def _is_share(value: object) -> bool:
    return isinstance(value, float | int) and 0 < value < 1
