"""What a model of risk is held to, and the file of releases that it is learned from."""

import gzip
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
    path = tmp_path / "some" / "releases.jsonl.gz"
    assert write_releases(path, RELEASES[:50]) == 50
    assert read_releases(path) == RELEASES[:50]


@pytest.mark.parametrize("line", ["{}", "no json", "[]", '{"facts": {}, "truth": "odd"}', ""])
def test_what_is_no_release_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "releases.jsonl.gz"
    write_releases(path, RELEASES[:1])
    path.write_bytes(path.read_bytes() + gzip.compress(f"{line}\n".encode()))
    with pytest.raises(CanaryError, match=r"releases\.jsonl\.gz:2: this is no labelled release"):
        read_releases(path)


@pytest.mark.parametrize("content", [None, b"", b"plain text", gzip.compress(b"{}")[:-4], gzip.compress(b"\xff")])
def test_a_file_that_is_not_whole_is_refused_or_holds_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "releases.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    if content == b"":
        assert read_releases(path) == []
        return
    with pytest.raises(CanaryError, match="cannot be read"):
        read_releases(path)


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "releases.jsonl.gz"
    write_releases(path, RELEASES[:1])
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"+00:00", b"")))
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
