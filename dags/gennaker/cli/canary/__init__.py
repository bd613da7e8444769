"""`gennaker canary`: the judge on the command line; each command is one module beside this one."""

import typer

from gennaker.cli.canary.aa import aa
from gennaker.cli.canary.check import check
from gennaker.cli.canary.judge import judge
from gennaker.cli.canary.power import power
from gennaker.cli.canary.replay import replay
from gennaker.cli.canary.serve import serve
from gennaker.cli.canary.simulate import simulate

app = typer.Typer(
    help="Judge canaries: check settings, judge data, replay, and know beforehand what a canary can see.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (check, judge, replay, power, aa, simulate, serve):
    app.command()(command)
