"""`gennaker canary check`: is a configuration right, and what does it mean?"""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gennaker.cli.canary import app

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "data" / "kayenta-golden.jsonl.gz"

CONFIG: dict[str, Any] = {
    "name": "my-canary",
    "applications": ["playback"],
    "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
    "metrics": [
        {
            "name": "errors",
            "query": {"type": "prometheus", "metricName": "errors", "customFilterTemplate": "mine"},
            "groups": ["errors"],
            "analysisConfigurations": {"canary": {"direction": "increase", "critical": True}},
        },
        {
            "name": "cpu",
            "query": {"type": "prometheus", "metricName": "cpu"},
            "groups": ["system"],
            "analysisConfigurations": {"canary": {"effectSize": {"allowedIncrease": 1.1, "allowedDecrease": 0.8}}},
        },
    ],
    "templates": {"mine": "..."},
    "classifier": {"groupWeights": {"errors": 60, "system": 40}, "scoreThresholds": {"pass": 95, "marginal": 75}},
}


def canary(*words: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, words)])


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Result]:
    """Checks `CONFIG` after a change, as a file with a key a line."""

    def check(change: Callable[[dict[str, Any]], object] = lambda config: None, *words: object) -> Result:
        config = copy.deepcopy(CONFIG)
        change(config)
        file = tmp_path / "config.json"
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")
        return canary(file, *words)

    return check


def canary_of(config: dict[str, Any], metric: int = 0) -> dict[str, Any]:
    options: dict[str, Any] = config["metrics"][metric]["analysisConfigurations"]["canary"]
    return options


def test_the_profiles_of_gennaker_are_fine_and_say_what_they_mean() -> None:
    files = sorted((ROOT / "dags" / "canaries").glob("*.yaml"))
    result = canary(*files, "--dags", ROOT / "dags")
    assert result.exit_code == 0
    assert "doubtful" not in result.stdout
    said = " ".join(result.stdout.split())
    assert "A look each 15s, for 30m at most; no PASS before 5m and 500 requests." in said
    assert "Of canaries that are no worse, at most 1 % fail, however often they are looked at." in said
    assert "error_rate (counts, guardrail): fails on more than 1.1 times the baseline's odds at evidence 200" in said
    assert "safe is less than 1.5 times the odds or a share below 0.1 %, at p50, p90, p99 each." in said


def test_a_profile_that_is_wrong_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("profile: wrong\nextends: standard\nalfa: 0.1\nbeta: much\n", encoding="utf-8")
    result = canary(file, "--dags", ROOT / "dags")
    assert result.exit_code == 1
    assert result.stdout.replace(f"{file}:", "").splitlines() == [
        "3:1: unknown key 'alfa'; did you mean 'alpha'?",
        "4:7: beta: expected a number, found 'much'",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("alpha: 0.25", "one canary in 4 that is no worse will fail"),
        ("beta: 0.4", "one canary in 2 that is not safe will pass"),
        ("duration: 30s\nmin_duration: 10s", "only 2 looks fit the duration"),
        ("warm_up: 30m", "nothing is judged"),
        ("min_requests: 0", "hardly any requests may pass"),
        ("metrics:\n  - {name: error_rate, tolerance: 1, margin: 1.05}", "margin of 1.05 takes very much traffic"),
        ("metrics:\n  - {name: error_rate, negligible: 0.2}", "20 % of it counts as safe"),
        ("metrics:\n  - {name: error_rate, dispersion: 1}", "errors that come in clusters"),
    ],
)
def test_what_is_doubtful_in_a_profile_is_told_and_does_no_harm(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"profile: mine\nextends: standard\n{line}\n", encoding="utf-8")
    result = canary(file, "--dags", ROOT / "dags")
    [doubt] = [each for each in result.stdout.splitlines() if ": doubtful: " in each]
    assert said in doubt
    assert doubt.startswith(f"{file}:{3 + line.count('  - ')}:")
    assert result.exit_code == 0


def test_a_kayenta_config_that_is_fine_says_what_it_means(checked: Callable[..., Result]) -> None:
    result = checked()
    assert result.exit_code == 0
    assert [line.strip() for line in result.stdout.splitlines()][1:] == [
        "2 metrics in 2 groups: errors 60 %, system 40 %.",
        "Each metric passes or fails by a Mann-Whitney test at 98 %; the score is the weighted share that passes.",
        "errors: fails on a rise of any size, and is critical: it alone fails the canary; no data fails the canary.",
        "cpu: fails on a rise of 10 % or more or a fall of 20 % or more; no data is not scored.",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["classifier"]["groupWeights"].update(system=30), "add up to 90, so that is the best score"),
        (lambda c: c["classifier"]["groupWeights"].update(other=20), "group 'other' has a weight of 20 and no metric"),
        (lambda c: c["classifier"].update(groupWeights={"errors": 120}), "so 'system' counts negatively"),
        (lambda c: c["classifier"].pop("scoreThresholds"), "there are no score thresholds"),
        (lambda c: c["classifier"]["scoreThresholds"].pop("pass"), "the judge takes 0: everything passes"),
        (lambda c: c["classifier"]["scoreThresholds"].update(marginal=99), "99 is above the pass threshold 95"),
        (lambda c: canary_of(c).update(direction="Increase"), "direction 'Increase' is none of increase"),
        (lambda c: canary_of(c).update(nanStrategy="zero"), "read as 'remove'"),
        (lambda c: canary_of(c).update(outliers={"strategy": "drop"}), "outliers.strategy 'drop' is none of"),
        (lambda c: canary_of(c).update(criticality=True), "unknown option 'criticality'; did you mean 'critical'?"),
        (lambda c: canary_of(c).update(mustHaveData=True), "critical makes mustHaveData void"),
        (lambda c: canary_of(c, 1)["effectSize"].update(allowedIncrease=None), "allowedIncrease is null, read as 0"),
        (lambda c: c["metrics"][0].update(groups=[]), "metric 'errors' is in no group"),
        (lambda c: c["metrics"][1].update(name="errors"), "metric 'errors' is there more than once"),
        (lambda c: c["templates"].clear(), "unknown template 'mine'"),
        (lambda c: c["metrics"][0]["query"].update(customFilter="x"), "Kayenta refuses customFilter"),
        (lambda c: c.update(name="my canary"), "letters, digits, - and _"),
        (lambda c: c.update(applications=[]), "without an application"),
        (lambda c: c["judge"].update(name="dredd-v1.0"), "judge 'dredd-v1.0' is not"),
        (lambda c: c.update(metrics=[]), "there are no metrics"),
    ],
)
def test_what_kayenta_reads_otherwise_than_it_looks_is_told(
    change: Callable[[dict[str, Any]], object], said: str, checked: Callable[..., Result]
) -> None:
    result = checked(change)
    assert result.exit_code == 0
    doubts = [line for line in result.stdout.splitlines() if ": doubtful: " in line]
    assert any(said in doubt for doubt in doubts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: canary_of(c).update(critical="yes"), "critical is 'yes', not true or false"),
        (lambda c: c["metrics"][0].pop("groups"), "metrics.0.groups: Field required"),
        (lambda c: c["metrics"][0]["query"].update(type="promql"), "a query needs a type"),
        (lambda c: c.pop("classifier"), "classifier: Field required"),
    ],
)
def test_what_kayenta_refuses_is_a_problem(
    change: Callable[[dict[str, Any]], object], said: str, checked: Callable[..., Result]
) -> None:
    result = checked(change)
    assert result.exit_code == 1
    assert said in result.stdout


def test_problems_and_doubts_name_file_line_and_column(checked: Callable[..., Result], tmp_path: Path) -> None:
    result = checked(lambda config: canary_of(config).update(direction="up"))
    lines = (tmp_path / "config.json").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if '"direction"' in text)
    column = lines[line - 1].index('"up"') + 1
    assert f"{tmp_path}/config.json:{line}:{column}: doubtful: metric 'errors': direction 'up'" in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n}', ":2:1: is not JSON: "),
        ("[]", ":1:1: expected an object, found an empty list"),
        ("\udcff", ":1:1: is not JSON: "),
        ('{\n\t"name": "x",\t"classifier": {}}', ":1:1: metrics: Field required"),
    ],
)
def test_a_file_that_is_no_config_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = canary(file)
    assert result.exit_code == 1
    assert f"{file}{said}" in result.stdout


def test_files_that_are_not_there_are_one_line_each(tmp_path: Path) -> None:
    for name in ("nothing.json", "nothing.yaml"):
        assert canary(tmp_path / name).stdout == f"{tmp_path / name}:1:1: cannot be read: No such file or directory\n"


def test_findings_are_json_for_a_program(checked: Callable[..., Result]) -> None:
    told = json.loads(checked(lambda config: config.update(name="no good"), "--json").stdout)
    assert told["kind"] == "Kayenta canary config"
    assert told["problems"] == []
    assert told["warnings"][0]["place"]["line"] == 2


def test_real_configs_are_read(tmp_path: Path) -> None:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases[:60]:
        (tmp_path / "config.json").write_text(json.dumps(case["config"]), encoding="utf-8")
        assert canary(tmp_path / "config.json").exit_code in (0, 1)
