"""What a model of risk is held to, and the file of releases that it is learned from."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.errors import CanaryError
from canary.learning.labelled import read_releases, write_releases
from canary.learning.risk import train
from canary.learning.risk_proof import prove
from canary.learning.world import World
from tests.canary.learning.labelled import labelled

RELEASES = labelled(World(services=40, days=150, seed=7))
END = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=157)


def test_releases_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "some" / "releases.jsonl"
    assert write_releases(path, RELEASES[:50]) == 50
    assert read_releases(path) == RELEASES[:50]


@pytest.mark.parametrize("line", ["{}", "no json", "[]", '{"facts": {}, "truth": "odd"}', ""])
def test_what_is_no_release_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "releases.jsonl"
    write_releases(path, RELEASES[:1])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(CanaryError, match=r"releases\.jsonl:2: this is no labelled release"):
        read_releases(path)
    with pytest.raises(CanaryError, match="cannot be read"):
        read_releases(tmp_path / "none.jsonl")


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "releases.jsonl"
    write_releases(path, RELEASES[:1])
    path.write_text(path.read_text().replace("+00:00", ""))
    with pytest.raises(CanaryError, match="has no zone"):
        read_releases(path)


def test_a_model_that_learned_something_is_good() -> None:
    proof = prove(RELEASES, END, timedelta(days=47))
    assert proof.is_good
    assert proof.model == train(RELEASES, as_of=proof.cut)
    assert proof.releases == sum(each.releases for each in proof.table)
    assert proof.releases == sum(each.facts.at >= proof.cut for each in RELEASES)
    assert "better than the share" in proof.sentence


def test_with_nothing_held_out_nothing_is_proven() -> None:
    assert not prove(RELEASES, END, timedelta(days=1)).is_good


def test_labels_without_sense_prove_no_model_good() -> None:
    turned = [each.truth for each in RELEASES][::-1]
    shuffled = [type(each)(each.facts, truth, each.known_at) for each, truth in zip(RELEASES, turned, strict=True)]
    proof = prove(shuffled, END, timedelta(days=47))
    assert proof.log_loss > proof.log_loss_constant - 0.002
