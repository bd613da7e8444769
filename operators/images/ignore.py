"""What of a directory does not belong in its image.

Always left out: `.git`, `__pycache__` and `*.pyc`, at any depth. A `.dockerignore` at the
top adds patterns, one a line: `*`, `?` and `[...]` within a name, `**` across folders, a
leading `/` or trailing `/` is allowed, `#` starts a comment, `!` brings a name back, and the
last pattern that matches wins. A pattern that matches a folder covers all within.
"""

import fnmatch
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_ALWAYS = {".git", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Ignore:
    """The ignore rules of one directory: each a pattern and whether it brings a name back."""

    rules: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @property
    def may_prune(self) -> bool:
        """Whether nothing within an ignored folder can be brought back."""
        return not any(keeps for _, keeps in self.rules)

    def is_builtin(self, name: str) -> bool:
        """Whether a file or folder of this name is never part of an image."""
        return name in _ALWAYS or name.endswith(".pyc")

    def covers(self, path: str) -> bool:
        """Whether the `.dockerignore` leaves out `path` (relative, with `/`)."""
        if not self.rules:
            return False
        pure = PurePosixPath(path)
        candidates = [path, *(str(parent) for parent in pure.parents if parent.name)]
        for pattern, keeps in reversed(self.rules):
            if any(pattern.fullmatch(candidate) for candidate in candidates):
                return not keeps
        return False


def parse(text: str) -> Ignore:
    """The rules of a `.dockerignore`'s text."""
    rules = []
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip().strip("/").removeprefix("./")
        if pattern:
            rules.append((re.compile(_regex(pattern)), keeps))
    return Ignore(tuple(rules))


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|.", re.DOTALL)


def _regex(pattern: str) -> str:
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(token) or _literal_or_class(token) for token in _TOKEN.findall(pattern))


def _literal_or_class(token: str) -> str:
    if len(token) == 1:
        return re.escape(token)
    one_of = fnmatch.translate(token.replace("[^", "[!", 1)).removesuffix(r"\Z")
    return f"(?!/){one_of}"
