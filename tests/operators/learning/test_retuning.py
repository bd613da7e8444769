"""A retuning is kept, told, registered within its bounds, and never got past them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from canary.config import CanaryConfig
from canary.learning.bounds import settings_of
from canary.learning.estimates import Estimate, Figures
from canary.learning.policy import RetuningPolicy
from canary.learning.retuning import HistoryWindow, Retuning, SettingChange
from operators.errors import ProfileError
from operators.learning.profiles import ThresholdProfiles
from operators.learning.retuning import Retuned, check_bounds, first_champion, registered, told
from operators.records import Kind, Records
from tests.mlflow_server import MlflowServer

CHAMPION = CanaryConfig(profile="standard", alpha=0.1)
SOME = Estimate(0.25, 0.1, 0.4, 40)
FIGURES = Figures(SOME, SOME, SOME, SOME, SOME)


def retuned(folder: Path, challenger: CanaryConfig | None, version: int = 1, profile: str = "standard") -> Retuned:
    """A retuning of `CHAMPION` as it would be kept."""
    champion = CHAMPION.model_copy(update={"profile": profile})
    if challenger is not None:
        challenger = challenger.model_copy(update={"profile": profile})
    settings = settings_of(challenger or CHAMPION)
    changes = [
        SettingChange(name, before, settings[name])
        for name, before in settings_of(CHAMPION).items()
        if before != settings[name]
    ]
    window = HistoryWindow(None, None, 60, 50, "abc")
    result = Retuning(champion, challenger, "It costs less.", {"": FIGURES}, {"": FIGURES}, tuple(changes), window, 3)
    folder.mkdir(exist_ok=True)
    kept = Retuned(folder, profile, version, RetuningPolicy(), result)
    kept.write()
    return kept


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(Records.open(f"sqlite:///{tmp_path / 'records.db'}")) as records:
        yield records


def test_it_is_kept_and_read_as_it_was(tmp_path: Path) -> None:
    kept = retuned(tmp_path, CHAMPION.model_copy(update={"alpha": 0.05}))

    assert Retuned.read(tmp_path) == kept


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"policy": {"alpha": 1}}'])
def test_a_folder_without_a_retuning_is_one_clear_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "retuning.json").write_text(text)

    with pytest.raises(ProfileError, match="is no retuning"):
        Retuned.read(tmp_path)


def test_who_approves_reads_what_changes_and_what_it_does(tmp_path: Path) -> None:
    text = told(retuned(tmp_path, CHAMPION.model_copy(update={"alpha": 0.05})))

    assert "It costs less." in text
    assert "| alpha | 0.1 | 0.05 |" in text
    assert "| misses | 25 % (10 to 40) | 25 % (10 to 40) |" in text
    assert "50 of 60 canaries have a label" in text


def test_the_first_champion_is_the_file_and_the_challenger_comes_after_it(
    mlflow_server: MlflowServer, records: Records, tmp_path: Path
) -> None:
    profiles = ThresholdProfiles(records, mlflow_server.url)
    kept = retuned(tmp_path / "one", CHAMPION.model_copy(update={"alpha": 0.05}), version=0, profile="first")

    version = registered(profiles, kept, who="ada")
    again = registered(profiles, kept, who="ada")

    assert version == again
    champion = profiles.champion("first")
    assert champion is not None
    assert (champion.version, champion.config.alpha) == (1, 0.1)
    found = profiles.version("first", version)
    assert (found.config.alpha, found.aliases) == (0.05, ("challenger",))
    assert (found.provenance["data_digest"], found.provenance["seed"]) == ("abc", "3")
    events = [record.body["event"] for record in records.search(kind=Kind.PROFILE)]
    assert events == ["registered", "champion", "registered", "challenger"]
    assert first_champion(profiles, "first", CHAMPION, who="ada").version == 1


def test_a_challenger_outside_its_bounds_is_not_registered_whoever_wrote_the_file(
    mlflow_server: MlflowServer, records: Records, tmp_path: Path
) -> None:
    profiles = ThresholdProfiles(records, mlflow_server.url)
    kept = retuned(tmp_path / "one", CHAMPION.model_copy(update={"alpha": 0.001}), version=0, profile="outside")

    with pytest.raises(ProfileError, match="outside its bounds") as refused:
        registered(profiles, kept, who="mallory")
    assert "alpha" in str(refused.value)
    assert 0.001 not in [each.config.alpha for each in profiles.versions("outside")]


def test_bounds_are_those_of_the_champion_it_was_made_from(mlflow_server: MlflowServer, records: Records) -> None:
    profiles = ThresholdProfiles(records, mlflow_server.url)
    champion = first_champion(profiles, "successor", CHAMPION, who="ada")
    later = replace(champion, version=champion.version + 1)

    check_bounds(champion, champion.config, RetuningPolicy(), tuned_from=champion.version)
    with pytest.raises(ProfileError, match="retune again"):
        check_bounds(later, champion.config, RetuningPolicy(), tuned_from=champion.version)


def test_without_a_challenger_there_is_nothing_to_register(
    mlflow_server: MlflowServer, records: Records, tmp_path: Path
) -> None:
    with pytest.raises(ProfileError, match="no challenger"):
        registered(ThresholdProfiles(records, mlflow_server.url), retuned(tmp_path / "one", None), who="ada")
