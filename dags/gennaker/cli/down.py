"""`gennaker down`: the stack and the local cloud are stopped."""

import typer


def down() -> None:
    """Stop Airflow, MLflow and the local cloud; nothing is left running, state is kept."""
    from gennaker.stack import stack

    swept = stack.down()
    for name in swept:
        typer.echo(f"ended a process that was left: {name}")
    typer.echo("The stack is stopped.")
