"""What a pipeline may choose when the evidence, or a region, does not go its way."""

from enum import StrEnum


class OnInconclusive(StrEnum):
    """What is done when the evidence is too little to judge."""

    EXTEND = "extend"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    ASK = "ask"


class OnRegionFailure(StrEnum):
    """What the other regions do when one rolled back."""

    CONTINUE = "continue"
    STOP = "stop"
    ROLLBACK_ALL = "rollback-all"
