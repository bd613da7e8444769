"""Where the notebooks of Gennaker's own DAGs are."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parents[2] / "notebooks"


def notebook(name: str) -> str:
    """The path of a notebook, wherever the folder of DAGs is."""
    return str(_FOLDER / f"{name}.ipynb")
