"""`gennaker up`: the stack is started and its links are printed."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from gennaker.stack.settings import StackSettings


def up(
    show: Annotated[bool, typer.Option("--show", help="Only print the links of the running stack.")] = False,
) -> None:
    """Start Airflow and MLflow on this machine, and wait until they are healthy."""
    from rich.console import Console

    from gennaker.stack import stack
    from gennaker.stack.settings import StackError, remembered

    console = Console()
    if show:
        settings = remembered()
        if settings is None:
            raise StackError("there is no stack here", mend="run `gennaker up`")
        print_links(console, settings)
        return
    began = time.monotonic()
    with console.status("starting") as status:

        def tell(progress: stack.Progress) -> None:
            waiting = [name for name, healthy in progress.healthy.items() if not healthy]
            seconds = time.monotonic() - began
            status.update(f"{progress.doing} ({seconds:.0f} s) {', '.join(waiting)}")

        settings = stack.up(tell)
    console.print(f"The stack is healthy after {time.monotonic() - began:.1f} s.")
    print_links(console, settings)


def print_links(console: "Console", settings: "StackSettings") -> None:
    """Prints where the stack answers and who may log in."""
    from rich.table import Table

    from gennaker.stack.secrets import USERS, passwords

    known = passwords(settings)
    console.print(f"Airflow  {settings.airflow_url}\nMLflow   {settings.mlflow_url}", highlight=False)
    table = Table("user", "role", "password", box=None)
    for user, role in USERS.items():
        table.add_row(user, role, known.get(user, ""))
    console.print(table)
