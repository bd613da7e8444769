"""The error every floor's errors derive from, and the canary floor's own.

GennakerError
├── CanaryError            (this floor)
├── operators.errors.*     (floor 2)
└── gennaker.errors.*      (floor 3)
"""


class GennakerError(Exception):
    """What failed, why, and how to mend it; never holds a secret.

    Args:
        what: what failed, with names.
        why: what was expected and what was found.
        mend: what the reader can do about it.
    """

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        self.what, self.why, self.mend = what, why, mend
        super().__init__(what, why, mend)

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f": {self.why}")
        if self.mend:
            parts.append(f". To mend: {self.mend}")
        return "".join(parts)


class CanaryError(GennakerError):
    """A canary configuration or a statistic that cannot be used."""
