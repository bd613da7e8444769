"""What every source is told about its store; secrets are named, never written."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canary.durations import Duration
from canary.errors import CanaryError


class Settings(BaseModel):
    """The base of every source's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    type: str = Field(description="The kind of source.")
    late_after: Duration = Field(
        default=timedelta(minutes=5), description="A newest point older than this at the end makes the answer late."
    )


class Secret(BaseModel):
    """Where a secret is: a variable of the environment, or a file (read at each use, so it may be rotated)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = Field(default=None, description="The environment variable that holds it.")
    file: Path | None = Field(default=None, description="The file that holds it; white space around it is left out.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is in `env` or in `file`")
        return self

    def read(self) -> str:
        """The secret itself.

        Raises:
            CanaryError: when it is not there.
        """
        place = f"environment variable {self.env}" if self.env is not None else f"file {self.file}"
        try:
            value = os.environ.get(self.env, "") if self.env is not None else Path(self.file or "").read_text().strip()
        except OSError as error:
            raise CanaryError(f"no secret in {place}", why=error.strerror or "", mend="put it there") from error
        if not value:
            raise CanaryError(f"no secret in {place}", why="it is empty", mend="put it there")
        return value


class HttpSettings(Settings):
    """Settings of a source that is asked by HTTP."""

    url: str = Field(description="The store's address, such as `http://prometheus:9090`.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="How long one try may take.")
    attempts: int = Field(default=5, ge=1, le=20, description="Tries, the first included.")
    patience: Duration = Field(default=timedelta(seconds=60), description="How long all tries together may take.")
    max_bytes: int = Field(default=64 * 2**20, ge=1, description="A larger answer is not read.")
    proxy: str | None = Field(default=None, description="The proxy to go through; none is taken from the environment.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust instead of the usual ones (PEM).")
