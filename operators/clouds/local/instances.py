"""A server group's instances: the programs that are supervised, and whether they answer."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from operators.clouds.cloud import GroupSpec
from operators.clouds.local.loopback import LOOPBACK
from operators.clouds.local.state import GroupRecord, StartCommand
from operators.images import ImageConfig
from operators.supervisor import Program

#: An instance that needs longer to say that it is well is not.
_PATIENCE: Final = timedelta(seconds=2)


def start_command(spec: GroupSpec, rootfs: Path, image: ImageConfig) -> StartCommand:
    """How an image's process starts here: its `python` is ours, its folder stays as it was unpacked."""
    environment = {
        **image.environment,
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "HOST": LOOPBACK,
        "GENNAKER_REGION": spec.cluster.region,
        "GENNAKER_ENVIRONMENT": spec.cluster.environment,
    }
    return StartCommand(command=image.command, directory=rootfs / image.working_dir, environment=environment)


def programs(group: GroupRecord) -> tuple[Program, ...]:
    """One program an instance, named `GROUP.N`."""
    return tuple(
        Program(
            name=f"{group.name}.{number}",
            command=group.start.command,
            directory=group.start.directory,
            environment={**group.start.environment, "GENNAKER_GROUP": group.name, "PORT": str(port)},
        )
        for number, port in enumerate(group.ports)
    )


def failed_checks(group: GroupRecord) -> dict[int, str]:
    """Port and what is wrong, for each instance that does not answer its health check with 200 now."""
    with ThreadPoolExecutor(max_workers=min(32, len(group.ports))) as pool:
        answers = zip(
            group.ports, pool.map(lambda port: _check(port, group.spec.health_path), group.ports), strict=True
        )
    return {port: wrong for port, wrong in answers if wrong}


def _check(port: int, path: str) -> str:
    connection = HTTPConnection(LOOPBACK, port, timeout=_PATIENCE.total_seconds())
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        return f"does not answer {path} ({type(error).__name__})"
    finally:
        connection.close()
    return "" if answer.status == 200 else f"answers {path} with {answer.status}"
