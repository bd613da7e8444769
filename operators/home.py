"""The one folder that holds all state of a local Gennaker."""

import os
from pathlib import Path


def home() -> Path:
    """The state folder: `GENNAKER_HOME`, or `.gennaker` in the working directory."""
    return Path(os.environ.get("GENNAKER_HOME", ".gennaker")).resolve()
