"""JSON Lines, read one at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from canary.errors import CanaryError

#: A line above this is refused unread: a week of 10,000 metrics by the minute has less in one.
MAX_LINE: Final = 256_000_000


def numbered_lines(source: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, each with its number from 1; `-` is the standard input.

    Raises CanaryError when the file cannot be read, is not UTF-8, or has a line that is too long.
    """
    with _opened(source) as stream:
        number = 0
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise CanaryError(
                    f"{source}:{number}: the line is too long",
                    why=f"expected at most {MAX_LINE // 1_000_000} MB",
                    mend="write one JSON value a line",
                )
            text = _text(line, source, number)
            if text.strip():
                yield number, text


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as stream:
            yield stream
    except OSError as error:
        raise CanaryError(f"{source} cannot be read", why=error.strerror or str(error), mend="give a file") from error


def _text(line: bytes, source: str, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise CanaryError(
            f"{source}:{number}: the line is not UTF-8",
            why=f"found byte 0x{line[error.start]:02x}",
            mend="encode it so",
        ) from error
