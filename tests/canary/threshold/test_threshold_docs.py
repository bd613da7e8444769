"""What docs/threshold-judge.md shows is what the judge takes."""

import re
from pathlib import Path

import pytest
import yaml

from canary import CanaryConfig
from canary.threshold.config import Measure
from canary.threshold.flagger import weights_of

DOCUMENT = (Path(__file__).parents[3] / "docs" / "threshold-judge.md").read_text()
EXAMPLES = [text for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if text.startswith("judge:")][1:]


@pytest.mark.parametrize("text", EXAMPLES, ids=["argo", "flagger"])
def test_every_example_is_a_configuration_that_reads_back_as_itself(text: str) -> None:
    config = CanaryConfig.model_validate(yaml.safe_load(text))
    assert CanaryConfig.model_validate_json(config.model_dump_json()) == config


def test_flagger_s_example_takes_five_steps() -> None:
    rules = CanaryConfig.model_validate(yaml.safe_load(EXAMPLES[1])).threshold
    assert rules is not None
    assert rules.rules == "flagger"
    assert weights_of(rules) == (10, 20, 30, 40, 50)


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_is_in_the_document(measure: Measure) -> None:
    assert f"`{measure}`" in DOCUMENT
