"""How closely Kayenta's judge is followed."""

from enum import StrEnum


class Compat(StrEnum):
    """Whether Kayenta's defects are kept.

    `EXACT` gives the answer of NetflixACAJudge-v1.0 to the letter. `REPAIRED` mends the ten defects that
    `docs/kayenta.md` lists, and nothing else.
    """

    EXACT = "exact"
    REPAIRED = "repaired"
