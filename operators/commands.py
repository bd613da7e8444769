"""A shell command that leaves nothing behind."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from operators.records.redact import redact_text


class Command:
    """A shell command and all it starts, which end together.

    Args:
        text: what the shell is given.
        folder: where it runs.
        environment: all of its environment variables.
    """

    def __init__(self, text: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._text, self._folder, self._environment = text, folder, dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def run(self, time_limit: timedelta) -> tuple[bool, str]:
        """Whether it ended with 0 in time, and what it printed, secrets taken out."""
        # A file, not a pipe: nobody who keeps it open can keep us waiting.
        with tempfile.TemporaryFile("w+", errors="replace") as printed:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", self._text],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                passed, late = self._process.wait(time_limit.total_seconds()) == 0, ""
            except subprocess.TimeoutExpired:
                passed, late = False, f"\nnot done within {time_limit}"
            finally:
                self.end()
            printed.seek(0)
            return passed, redact_text(printed.read()) + late

    def end(self) -> None:
        """Ends the command and all it started; does nothing when none of it is left."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
