"""`gennaker canary serve`: a judge that an existing Kayenta can ask."""

import os
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; one that others reach needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8090,
    judge: Annotated[str, typer.Option(help="Judge to ask: kayenta, kayenta-repaired or sequential.")] = "kayenta",
    token_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the token requests must carry.")
    ] = None,
    max_request_mb: Annotated[float, typer.Option(min=0.001, max=1000, help="Largest request taken, in MB.")] = 32.0,
    time_limit: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to judge a request at most.")] = 80.0,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Requests judged at once. Default: cores.")
    ] = None,
) -> None:
    """Serve a remote judge for Kayenta: POST /judge, GET /judges, GET /health; SIGTERM ends it gracefully.

    Kayenta waits 90 seconds for an answer, so the time limit is below that.
    """
    from gennaker.judging import PairJudge
    from gennaker.remote_judge.app import Limits
    from gennaker.remote_judge.server import serve as run

    if judge not in list(PairJudge):
        from gennaker.errors import unknown

        raise typer.BadParameter(f"--judge: {unknown('judge', judge, PairJudge)}")
    limits = Limits(int(max_request_mb * 1e6), time_limit, workers or os.cpu_count() or 1)
    run(PairJudge(judge), host, port, _token(token_env), limits, lambda url: typer.echo(f"serving {judge} on {url}"))


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    if not token:
        raise typer.BadParameter(f"--token-env: the variable {variable} is not set, or empty")
    return token
