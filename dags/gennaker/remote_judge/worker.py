"""A process that judges one question after the other: `python -m gennaker.remote_judge.worker JUDGE`.

Questions come on standard input, answers leave on standard output, each as a frame: eight bytes of length, then one
byte that says what it is, then the text. The process ends with its input.
"""

import json
import logging
import os
import struct
import sys
from typing import IO, Final

from canary.errors import CanaryError
from gennaker.judging import Given, PairJudge, answer

#: What a frame is: the word that the process can be asked; a question; its answer; a refusal, which is the asker's
#: fault; a failure, which is ours.
READY: Final = 0
QUESTION: Final = 1
ANSWER: Final = 2
REFUSAL: Final = 3
FAILURE: Final = 4

HEAD: Final = struct.Struct(">QB")


def main() -> None:
    """Judges until the input ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what some library prints is no frame
    given = Given(judge=PairJudge(sys.argv[1]))
    _write(answers, READY, b"")
    while (question := _read(questions)) is not None:
        _write(answers, *reply(question, given))


def reply(question: bytes, given: Given) -> tuple[int, bytes]:
    """What a question is answered by: its kind, and JSON."""
    try:
        return ANSWER, answer(question, given).text.encode()
    except CanaryError as error:
        return REFUSAL, json.dumps({"what": error.what, "why": error.why, "mend": error.mend}).encode()
    except MemoryError:
        text = {"what": "the question is too large to judge", "why": "memory ran out", "mend": "ask for fewer metrics"}
        return REFUSAL, json.dumps(text).encode()
    except Exception:  # whoever asks gets an answer, whoever operates this gets the traceback
        logging.exception("judge_failed bytes=%d", len(question))
        return FAILURE, b"{}"


def _write(stream: IO[bytes], kind: int, text: bytes) -> None:
    stream.write(HEAD.pack(len(text), kind) + text)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    length, _ = HEAD.unpack(head)
    question = stream.read(length)
    return question if len(question) == length else None


if __name__ == "__main__":
    main()
