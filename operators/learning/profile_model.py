"""A threshold profile as a model of MLflow: asked about services, it gives each its settings.

MLflow keeps a copy of this file in the model and imports it to load the model, so that nothing is pickled and Gennaker
need not be there; so it imports nothing of Gennaker's.
"""

from pathlib import Path
from typing import Any


class ThresholdProfile:
    """The settings of one version of a profile.

    Args:
        settings: all of them, as JSON.
    """

    def __init__(self, settings: str) -> None:
        self._settings = settings

    def predict(self, model_input: Any, params: Any = None) -> Any:
        """A data frame with the settings in a column `settings`, the same for each row of the input."""
        import pandas as pd

        return pd.DataFrame({"settings": [self._settings] * len(model_input)})


def _load_pyfunc(path: str) -> ThresholdProfile:
    """What MLflow calls to load the model, with the path of its data."""
    return ThresholdProfile(Path(path).read_text(encoding="utf-8"))
