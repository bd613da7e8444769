"""Numbers in, judgment out: canary judges that may be looked at all the time."""

from canary.looks import Look, Side

__all__ = ["Look", "Side"]
