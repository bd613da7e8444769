"""JSON Lines, read one at a time."""

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

#: A line above this is refused unread: 1,000 metrics of a week by the minute have some 150 MB.
MAX_LINE: Final = 256_000_000


def numbered_lines(source: str) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number from 1; `-` is the standard input.

    Raises CanaryError when the file cannot be read, or has a line that is too long.
    """
    from canary.errors import CanaryError  # pydantic comes with it, and would slow every other command

    with _opened(source) as stream:
        number = 0
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                what, why = f"{source}:{number}: the line is too long", f"expected at most {MAX_LINE // 1_000_000} MB"
                raise CanaryError(what, why=why, mend="write one JSON value a line")
            line = line.removeprefix(BOM_UTF8) if number == 1 else line
            if line.strip():
                yield number, line


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    from canary.errors import CanaryError

    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as stream:
            yield stream
    except OSError as error:
        raise CanaryError(f"{source} cannot be read", why=error.strerror or str(error), mend="give a file") from error
