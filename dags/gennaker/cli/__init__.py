"""The `gennaker` command; each of its commands is one module beside this one."""

import sys
from importlib import import_module

import typer

app = typer.Typer(
    help="Continuous delivery on Apache Airflow: bake, deploy, canary, ramp, and roll back by evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: Modules of commands, in the order of the help. Each has a function of its own name, or an `app` of
#: several; what is slow to import, it imports when it runs.
COMMANDS = (
    "demo",
    "up",
    "down",
    "doctor",
    "release",
    "status",
    "check",
    "render",
    "plan",
    "schema",
    "audit",
    "label",
    "unlabelled",
    "incident",
    "housekeeping",
    "profiles",
    "retune",
    "simulate-history",
    "canary",
)


def _mount(name: str) -> None:
    own = name.replace("-", "_")
    module = import_module(f"gennaker.cli.{own}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(name)(getattr(module, own))


for command in COMMANDS:
    _mount(command)


def main() -> None:
    """Runs the command line; an error of ours is one clear message and exit code 1."""
    try:
        app()
    except Exception as error:
        from canary.errors import GennakerError  # pydantic comes with it, and would slow `--help`

        if not isinstance(error, GennakerError):
            raise
        typer.echo(str(error), err=True)
        sys.exit(1)
