"""`gennaker canary judge`: questions in, answers out, a line of JSON each."""

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.exits import EXITS
from gennaker.cli.canary.lines import numbered_lines
from gennaker.cli.canary.settings import DEFAULT_PROFILE, Overrides, Profile, chosen
from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from canary import CanaryConfig, CanaryError
    from gennaker.judging import Answer, Given, PairJudge

#: From the best to the worst.
_ORDER = ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")


def judge(
    questions: Annotated[str, typer.Argument(help="File of questions, one a line; - reads the standard input.")] = "-",
    config: Annotated[
        Path | None,
        typer.Option(
            help="For questions without one: a Kayenta canary config (.json), or a threshold profile (.yaml)."
        ),
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    thresholds: Annotated[
        str | None, typer.Option(help="For questions without them: Kayenta's scores PASS,MARGINAL, such as 95,75.")
    ] = None,
    judge: Annotated[str, typer.Option(help="Judge of metric set pairs: kayenta or sequential.")] = "kayenta",
    compat: Annotated[str, typer.Option(help="Kayenta's defects: exact keeps them, repaired mends them.")] = "exact",
    table: Annotated[bool, typer.Option("--table", help="Tables for a person instead of JSON.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Judge data: JSON Lines in, one answer a line out.

    A question is {"config", "thresholds", "metricSetPairs"}, as Kayenta's judge is asked, answered by its result; or
    {"config", "looks"}, answered by a judgment. A line that cannot be judged is answered by {"line", "error"}, and the
    others are judged.

    Exits by the worst answer: 0 PASS, 4 INCONCLUSIVE (a marginal score), 3 FAIL, 5 ERROR; 1 when a line could not be
    judged.
    """
    from gennaker.judging import Given

    given = Given(
        judge=_pair_judge(judge, compat),
        config=_json_file(config) if config is not None and config.suffix == ".json" else None,
        thresholds=_thresholds(thresholds) if thresholds is not None else None,
        settings=_settings(profile, config, overrides, dags),
    )
    verdicts, wrong = _judge_lines(questions, given, table=table)
    if not verdicts and not wrong:
        typer.echo(f"{questions} has no question", err=True)
    if wrong or not verdicts:
        raise typer.Exit(1)
    raise typer.Exit(EXITS[max(verdicts, key=_ORDER.index)])


def _judge_lines(questions: str, given: "Given", *, table: bool) -> tuple[set[str], int]:
    """Prints the answer to each line; gives the verdicts there were, and how many lines could not be judged."""
    from canary import CanaryError
    from gennaker.judging import answer

    verdicts, wrong = set[str](), 0
    for number, line in numbered_lines(questions):
        try:
            found = answer(line, given)
        except CanaryError as error:
            wrong += 1
            _print_error(number, error, table=table)
        except Exception as error:  # a fault of ours, which is no reason to leave the other lines unjudged
            logging.getLogger(__name__).exception("judge_failed line=%d", number)
            wrong += 1
            why, mend = type(error).__name__, "report it with the line"
            _print_error(number, CanaryError("the judge failed", why=why, mend=mend), table=table)
        else:
            verdicts.add(found.verdict.value)
            _print(number, found, table=table)
    return verdicts, wrong


def _pair_judge(judge: str, compat: str) -> "PairJudge":
    from gennaker.judging import PairJudge

    judges = {
        ("kayenta", "exact"): PairJudge.KAYENTA,
        ("kayenta", "repaired"): PairJudge.KAYENTA_REPAIRED,
        ("sequential", "exact"): PairJudge.SEQUENTIAL,
    }
    if compat not in ("exact", "repaired"):
        raise typer.BadParameter(f"--compat: expected exact or repaired, found {compat!r}")
    if (judge, compat) not in judges:
        what = "has no defects of Kayenta's" if judge == "sequential" else "is none of kayenta and sequential"
        raise typer.BadParameter(f"--judge: {judge!r} {what}")
    return judges[judge, compat]


def _settings(
    profile: str | None, config: Path | None, overrides: list[str] | None, dags: Path
) -> "CanaryConfig | None":
    """The settings for looks; None without any, which Kayenta's pairs do not need."""
    file = config if config is not None and config.suffix != ".json" else None
    is_asked = profile is not None or file is not None or overrides
    if not is_asked and not (dags / "canaries" / f"{DEFAULT_PROFILE}.yaml").is_file():
        return None
    return chosen(profile, file, overrides, dags)


def _json_file(path: Path) -> bytes:
    """The text of a JSON file, which is checked to be JSON."""
    from canary import CanaryError

    try:
        text = path.read_bytes()
        json.loads(text)
    except OSError as error:
        raise CanaryError(f"{path} cannot be read", why=error.strerror or str(error), mend="give a file") from error
    except json.JSONDecodeError as error:
        what = f"{path}:{error.lineno}:{error.colno}: this is not JSON"
        raise CanaryError(what, why=error.msg, mend="correct it") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise CanaryError(f"{path} is not JSON", why=str(error), mend="correct it") from error
    return text


def _thresholds(text: str) -> bytes:
    try:
        passing, marginal = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--thresholds: expected two scores such as 95,75, found {text!r}") from None
    return json.dumps({"pass": passing, "marginal": marginal}).encode()


def _print(number: int, found: "Answer", *, table: bool) -> None:
    if not table:
        sys.stdout.write(found.text + "\n")
        sys.stdout.flush()  # who asks line by line waits for it
        return
    from gennaker.cli.canary.tables import print_answer

    print_answer(number, found)


def _print_error(number: int, error: "CanaryError", *, table: bool) -> None:
    if table:
        typer.echo(f"line {number}: {error}")
        return
    told = {"what": error.what, "why": error.why, "mend": error.mend}
    typer.echo(json.dumps({"line": number, "error": told}))
